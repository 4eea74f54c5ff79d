"""More than one process on one database: who does what, and what happens when one of them dies."""
