"""Bringing plans, vouchers and running users from another system, without touching it."""
