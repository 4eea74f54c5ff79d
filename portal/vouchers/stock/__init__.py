"""Agents' stock: ranges of cards that are handed out, come back or are lost."""
