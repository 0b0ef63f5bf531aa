"""Which of several models is better, from what was measured of the same users. What it stands on takes a second to
load, so that only who compares imports `comparison`."""

from .request import ComparedGroup, ComparedRun, CompareRequest

__all__ = ["CompareRequest", "ComparedGroup", "ComparedRun"]
