"""More than one process on one database: real processes, a real PostgreSQL, sandbox routers and M-Pesa."""
