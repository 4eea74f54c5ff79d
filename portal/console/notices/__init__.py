"""What guests are told: the privacy notice and the terms, their versions, and an ISP's own words (decision 38)."""

from portal.console.notices.screens import SCREENS

__all__ = ["SCREENS"]
