"""What the extension puts into the user's namespace, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_ABSENT = object()


class Namespace:
    """Puts ready-made objects under a name, never over a variable of the user's own.

    Args:
        variables: The notebook's variables.
        ours: What was put there before, by name; kept over a reload of the extension,
            which need not keep the objects themselves.
    """

    def __init__(self, variables: dict[str, Any], ours: MutableMapping[str, object]) -> None:
        self.variables = variables
        self._ours = ours

    def offer(self, name: str, value: object) -> bool:
        """Bind `name` to `value` unless the user uses the name; say whether it was bound."""
        present = self.variables.get(name, _ABSENT)
        if present is not _ABSENT and present is not self._ours.get(name, _ABSENT):
            return False
        self.variables[name] = self._ours[name] = value
        return True
