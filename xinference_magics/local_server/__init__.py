"""The private server on this machine, and the code that starts and stops it."""
