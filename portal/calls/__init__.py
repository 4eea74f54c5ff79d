"""Routers that call us: their beat each minute, and what is wished of them (decision 44)."""
