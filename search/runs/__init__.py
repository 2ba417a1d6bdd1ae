"""Run folders: which file is what, which run is where, what can go."""
