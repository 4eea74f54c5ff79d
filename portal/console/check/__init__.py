"""The daily check: statement, receipts and passes side by side, with a tap that mends what does not agree."""

from portal.console.check.screens import SCREENS

__all__ = ["SCREENS"]
