"""An app at a payment provider, as all processes share it: one token, one pace of queries."""
