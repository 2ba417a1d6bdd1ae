"""Recorded full-length trials, and searches replayed on them to compare ways of stopping."""
