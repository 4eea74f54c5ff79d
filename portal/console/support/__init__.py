"""The support window: an ISP lets the platform's staff look in for a while, and sees what they looked at."""

from portal.console.support.screens import SCREENS

__all__ = ["SCREENS"]
