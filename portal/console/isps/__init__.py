"""The ISPs of the installation, for whoever runs it. Of their guests and takings nothing is seen here."""

from portal.console.isps.screens import SCREENS

__all__ = ["SCREENS"]
