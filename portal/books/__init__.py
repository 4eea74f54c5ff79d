"""The books of an ISP: double entry, drawers and what agents owe."""
