"""HTTP for this package: one place for endpoints, timeouts, failures and sessions."""
