"""HTTP as this package wants it: one place for endpoints, timeouts, failures and sessions."""
