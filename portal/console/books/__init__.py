"""The books: what stands on each account, the journal, reports, drawers and their cash-ups."""

from portal.console.books.drawers import SCREENS as DRAWERS
from portal.console.books.reports import SCREENS as REPORTS
from portal.console.books.screens import SCREENS as BOOKS

SCREENS = (*BOOKS, *REPORTS, *DRAWERS)

__all__ = ["SCREENS"]
