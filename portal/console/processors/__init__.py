"""The register of processors: who handles data for the ISP, why, and where (decision 38)."""

from portal.console.processors.screens import SCREENS

__all__ = ["SCREENS"]
