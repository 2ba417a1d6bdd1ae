"""Figures of fronts."""
