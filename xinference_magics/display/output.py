"""A cell output that can be replaced in place."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


class Output:
    """An output of the running cell; any later cell may replace it, too.

    Attributes:
        id: The ID by which a frontend finds it again.
    """

    def __init__(self) -> None:
        self.id = uuid4().hex

    def show(self, bundle: dict[str, Any]) -> None:
        """Display a MIME bundle in the running cell, as is."""
        from IPython.display import display

        display(bundle, raw=True, display_id=self.id)  # type: ignore[no-untyped-call]

    def replace(self, bundle: dict[str, Any]) -> None:
        """Replace the output in place."""
        from IPython.display import update_display

        update_display(bundle, raw=True, display_id=self.id)  # type: ignore[no-untyped-call]
