"""The private server of this machine, and what starts and stops it."""
