"""Backups: a consistent copy while Bando serves, proved, sealed, and put back only when it is proved once more.

Decision 34 has the format. Nothing here is built into the service: the command line uses it.
"""
