"""An output of a cell that is replaced in its place."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


class Output:
    """An output of the running cell; any later cell may replace it, too.

    Attributes:
        id: By which a front end finds it again.
    """

    def __init__(self) -> None:
        self.id = uuid4().hex

    def show(self, bundle: dict[str, Any]) -> None:
        """Put it into the cell that runs: a mime bundle, as it is."""
        from IPython.display import display

        display(bundle, raw=True, display_id=self.id)  # type: ignore[no-untyped-call]

    def replace(self, bundle: dict[str, Any]) -> None:
        """Replace it where it stands."""
        from IPython.display import update_display

        update_display(bundle, raw=True, display_id=self.id)  # type: ignore[no-untyped-call]
