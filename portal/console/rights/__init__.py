"""Requests of people about their data: the list, each with its evidence, and what is done with it."""

from portal.console.rights.screens import SCREENS

__all__ = ["SCREENS"]
