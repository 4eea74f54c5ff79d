"""How long records of people are kept: days, holds, and the journal of what was removed (decision 35)."""

from portal.console.retention.screens import SCREENS

__all__ = ["SCREENS"]
