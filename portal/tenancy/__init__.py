"""Tenants (ISPs) and their routers."""
