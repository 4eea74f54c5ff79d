"""Incidents with people's data: a register with the law's clocks, and whose rows somebody could read."""
