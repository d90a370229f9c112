"""Marks values that a notebook shows in a form of its own, for rooms that know nothing of how.

The extension registers one printer for each mark. The marks import nothing, so that loading the
extension need not import the values.
"""

from __future__ import annotations


class Shown:
    """A value of a magic. The cell that has shown it already does not show it as its value too."""


class SettledAnswer(Shown):
    """An answer that has ended: a turn, or a comparison of several."""
