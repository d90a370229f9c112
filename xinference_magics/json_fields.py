"""The lenient readers of parsed JSON: what the management API answers, and files of ours.

A field that is missing or of an unexpected type becomes None or empty, because other server
versions send other fields. Models' answers are read strictly instead, by `wire/shapes.py`: a part
of an answer must not get lost. Pydantic would read as fast, but its import would make each first
command slower.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def text(value: object) -> str | None:
    """Return `value` as text if it is a non-empty string or a number, else None."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value) or None
    return None


def texts(value: object) -> tuple[str, ...]:
    """Return the strings and numbers in a list, as text; empty if `value` is not a list."""
    if not isinstance(value, list | tuple):
        return ()
    return tuple(each for each in map(text, value) if each is not None)


def number(value: object) -> int | None:
    """Return `value` if it is an int, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def real(value: object) -> float | None:
    """Return `value` as a float if it is a finite number, else None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None  # also false for NaN


def objects(value: object) -> list[Json]:
    """Return the JSON objects in a list; empty if `value` is not a list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def mapping(value: object) -> Json:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> dict[str, Json]:
    """Return the members of a JSON object that are objects; empty if `value` is not an object."""
    return {name: each for name, each in mapping(value).items() if isinstance(each, Mapping)}
