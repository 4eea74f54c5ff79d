"""What becomes of the records of an ISP that was closed (decision 39)."""
