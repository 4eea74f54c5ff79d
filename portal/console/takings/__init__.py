"""What came in, by day, plan and site."""

from portal.console.takings.screens import SCREENS

__all__ = ["SCREENS"]
