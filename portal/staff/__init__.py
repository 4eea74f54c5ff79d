"""Staff: their accounts, roles and logins."""
