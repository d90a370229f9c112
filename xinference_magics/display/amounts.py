"""Format amounts for people to read."""

from __future__ import annotations

_STEP = 1024
_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600
_DAY_SECONDS = 86400


def counted(number: int, noun: str) -> str:
    """Format a count of things: ``1 turn``, ``1,200 turns``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(amount: float) -> str:
    """Format a number of bytes: ``512 B``, ``3.2 MiB``, ``23.5 GiB``."""
    if amount < _STEP:
        return f"{amount:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        amount /= _STEP
        if round(amount, 1) < _STEP:
            return f"{amount:.1f} {unit}"
    return f"{amount / _STEP:.1f} TiB"


class Bytes(int):
    """A number of bytes that tables show as a size and code can compute with."""

    def __format__(self, spec: str) -> str:
        """Format it with its unit, ignoring `spec`."""
        return str(self)

    def __str__(self) -> str:
        return size(int(self))


def used(amount: float | None, total: float | None) -> str | None:
    """Format how much of a total is used: ``8.1 of 23.5 GiB``."""
    if amount is None or total is None:
        known = total if amount is None else amount
        return None if known is None else size(known)
    written, whole = size(amount), size(total)
    number, unit = written.split()
    return f"{number if unit == whole.split()[1] else written} of {whole}"


def percent(share: float | None) -> str | None:
    """Format a fraction from 0 to 1 as a percentage."""
    return None if share is None else f"{share:.0%}"


def duration(seconds: float | None) -> str | None:
    """Format a duration in its largest unit: ``4 s``, ``7 min``, ``3 h``, ``12 d``."""
    if seconds is None:
        return None
    if seconds < _MINUTE_SECONDS:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_SECONDS:
        return f"{seconds / _MINUTE_SECONDS:.0f} min"
    return (
        f"{seconds / _HOUR_SECONDS:.0f} h"
        if seconds < _DAY_SECONDS
        else f"{seconds / _DAY_SECONDS:.0f} d"
    )
