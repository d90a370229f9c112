"""Suggestions for misspelt names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of `known` that `name` may have meant, ignoring case."""
    from difflib import get_close_matches

    folded = {each.casefold(): each for each in known}
    return [folded[each] for each in get_close_matches(name.casefold(), list(folded), n=3)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``Did you mean a, b?``, or an empty string if no name is close."""
    names = near(name, known)
    return f"Did you mean {', '.join(names)}?" if names else ""
