"""Free trials: what a device may have for nothing, and how often."""

from portal.access.trials.door import CAP, USE_BY_MS, Trials, again_on

__all__ = ["CAP", "USE_BY_MS", "Trials", "again_on"]
