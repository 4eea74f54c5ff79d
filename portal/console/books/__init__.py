"""The books: what stands on each account, the journal, drawers and their cash-ups."""

from portal.console.books.drawers import SCREENS as DRAWERS
from portal.console.books.screens import SCREENS as BOOKS

SCREENS = (*BOOKS, *DRAWERS)

__all__ = ["SCREENS"]
