"""The ISP's records as files to take away."""

from portal.console.export.screens import SCREENS

__all__ = ["SCREENS"]
