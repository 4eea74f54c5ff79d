"""The stock of an agent: their own cards, and nothing else of the ISP."""

from portal.console.stock.screens import SCREENS

__all__ = ["SCREENS"]
