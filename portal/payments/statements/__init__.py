"""The provider's own statement: read, taken as evidence, and compared with receipts and passes."""
