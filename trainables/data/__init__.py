"""Data sets, groups and splits; what a user of the package needs is imported from here."""

from trainables.data.fair_data import Attribute, FairData
from trainables.data.frame import from_frame
from trainables.data.grouping import Grouping
from trainables.data.prepare import Part, Prepared, prepare

__all__ = ["Attribute", "FairData", "Grouping", "Part", "Prepared", "from_frame", "prepare"]
