"""Money that settled nothing by itself: what it was for, and what staff do with it."""

from portal.console.unmatched.screens import SCREENS

__all__ = ["SCREENS"]
