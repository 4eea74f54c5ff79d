"""Accounting packets in, sessions and use out: the same books that the keepers write."""
