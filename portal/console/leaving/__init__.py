"""Leaving Bando: closing one's ISP, and having it erased (decision 39)."""

from portal.console.leaving.screens import SCREENS

__all__ = ["SCREENS"]
