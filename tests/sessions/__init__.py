"""Sessions: what routers report becomes records."""
