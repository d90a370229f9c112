"""What the user sees: running turns, settled turns, tables and progress."""
