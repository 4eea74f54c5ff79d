"""RADIUS: what FreeRADIUS and Bando answer together, beside FreeRADIUS with an answer that is always the same."""
