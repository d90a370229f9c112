"""What a notebook keeps between cells: its connection, models and conversations."""
