"""Who may use a server: accounts, logins and keys."""
