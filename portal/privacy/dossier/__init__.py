"""Everything on one person, for them to read and to take along: as data, as tables, and as a page."""
