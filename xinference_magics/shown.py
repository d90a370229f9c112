"""Markers for values that a notebook shows in a special form, for modules that do not know how.

The extension registers one printer for each marker class. These classes import nothing, so loading
the extension does not import the values.
"""

from __future__ import annotations


class Shown:
    """The value of a magic, which a cell that has already shown it does not show again."""


class SettledAnswer(Shown):
    """A finished answer: a turn, or a comparison of several."""
