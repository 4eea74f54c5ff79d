"""Routers: how each one is, adding one by a script, and what may be changed of it."""

from portal.console.routers.screens import SCREENS

__all__ = ["SCREENS"]
