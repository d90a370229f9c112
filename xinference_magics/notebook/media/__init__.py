"""Cells that make pictures and sounds."""
