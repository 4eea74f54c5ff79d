"""Printed codes worth one pass: drawn, printed, redeemed once, voided; never deleted."""
