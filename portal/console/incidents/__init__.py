"""Incidents with people's data: the register, its clocks, and whose rows somebody could read."""

from portal.console.incidents.screens import SCREENS

__all__ = ["SCREENS"]
