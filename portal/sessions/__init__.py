"""Metering: from a router's counters to use."""
