"""The experiment file: read, typed, checked."""
