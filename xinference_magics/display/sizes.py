"""Sizes of files, as people read them."""

from __future__ import annotations

_STEP = 1000
_UNITS = ("kB", "MB", "GB", "TB")


class Bytes(int):
    """A number of bytes that a table shows as ``4.4 MB``; units are powers of a thousand."""

    def __format__(self, spec: str) -> str:
        """Write it with its unit, whatever format a number would have."""
        return str(self)

    def __str__(self) -> str:
        if self < _STEP:
            return f"{int(self)} B"
        size, unit = self / _STEP, 0
        while round(size, 1) >= _STEP and unit + 1 < len(_UNITS):
            size, unit = size / _STEP, unit + 1
        return f"{size:.1f} {_UNITS[unit]}"
