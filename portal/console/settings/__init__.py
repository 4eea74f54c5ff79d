"""Settings: who the ISP is, how its pages look, and where its money goes."""

from portal.console.settings.screens import SCREENS

__all__ = ["SCREENS"]
