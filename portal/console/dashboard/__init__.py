"""The first page: takings, who is online, what is left in stock, and what needs somebody."""

from portal.console.dashboard.screens import SCREENS

__all__ = ["SCREENS"]
