"""Bringing what another system left behind: reading it, the dry run, and taking it."""

from portal.console.imports.screens import SCREENS

__all__ = ["SCREENS"]
