"""Suggestions for misspelt names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def near(name: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return up to three of `known` that `name` may have meant, ignoring case.

    Args:
        name: What was typed.
        known: The names that exist.
        cutoff: How similar a name must be, up to 1.
    """
    from difflib import get_close_matches

    folded = {each.casefold(): each for each in known}
    return [folded[each] for each in get_close_matches(name.casefold(), list(folded), 3, cutoff)]


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``Did you mean a, b?``, or an empty string if no name is close."""
    names = near(name, known, cutoff)
    return f"Did you mean {', '.join(names)}?" if names else ""
