"""One search box, and all that happened to a device, with the buttons that help its guest."""

from portal.console.guests.screens import SCREENS

__all__ = ["SCREENS"]
