"""How a keeper in another process learns that something is to be done, when nobody can tell it."""
