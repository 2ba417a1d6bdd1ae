"""One trial: its specification, its stages, its judge, its Ray wrapper."""
