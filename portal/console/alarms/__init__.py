"""Alarms: what is wrong now, what was, and who is told of it outside of the console."""

from portal.console.alarms.screens import SCREENS

__all__ = ["SCREENS"]
