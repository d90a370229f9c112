"""Add the extension's objects to the user's namespace without touching the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_ABSENT = object()


class Namespace:
    """Bind ready-made objects to names, never overwriting the user's own variables.

    Args:
        variables: The notebook's variables.
        ours: What was bound before, by name. The mapping survives a reload of the extension, but
            need not keep the objects alive.
    """

    def __init__(self, variables: dict[str, Any], ours: MutableMapping[str, object]) -> None:
        self.variables = variables
        self._ours = ours

    def offer(self, name: str, value: object) -> bool:
        """Bind `name` to `value` unless the user has taken it; return whether it was bound."""
        present = self.variables.get(name, _ABSENT)
        if present is not _ABSENT and present is not self._ours.get(name, _ABSENT):
            return False
        self.variables[name] = self._ours[name] = value
        return True
