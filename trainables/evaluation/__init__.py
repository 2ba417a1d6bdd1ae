"""Counts, measures that are functions of counts, and their intervals."""
