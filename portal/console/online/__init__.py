"""Who is online now."""

from portal.console.online.screens import SCREENS

__all__ = ["SCREENS"]
