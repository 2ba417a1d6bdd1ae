"""Ranges of the settings of stages that train from scratch, by registry name, with sources."""

from spaces.space import Space

DENSE: dict[str, Space] = {}
