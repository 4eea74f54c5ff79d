"""How much was used, by hour or day, site and plan."""

from portal.console.usage.screens import SCREENS

__all__ = ["SCREENS"]
