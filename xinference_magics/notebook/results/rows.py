"""A list of values shown as a table, and the result of a command that returns no data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from xinference_magics.display.tables import Column, Table
from xinference_magics.errors import NotebookError
from xinference_magics.plain import neutralise
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

    from xinference_magics.notebook.session.session import Session


T = TypeVar("T")


class Rows(list[T]):
    """The result of a command: a list of values shown as a table.

    Attributes:
        columns: The columns of the table.
        empty: The text shown if there are no values.
        caption: A line below the table.
    """

    columns: ClassVar[tuple[Column[Any], ...]]
    empty: ClassVar[str] = "Nothing to show."
    caption: str = ""

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each value and a column for each of its fields.

        Raises:
            NotebookError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise NotebookError(
                "pandas is not installed here.", hint="%pip install pandas"
            ) from None
        return pd.DataFrame.from_records([self.record(value) for value in self])

    @staticmethod
    def record(value: Any) -> dict[str, Any]:
        """Return the fields of one value, for `to_pandas`."""
        return asdict(value)

    @property
    def table(self) -> Table[T]:
        """The table that is shown."""
        return Table(self, self.columns, empty=self.empty, caption=self.caption)

    def __repr__(self) -> str:
        return self.table.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return self.table._repr_mimebundle_()


@dataclass(frozen=True, repr=False)
class Done(Shown):
    """What a command did, shown as text.

    Attributes:
        text: The message for the user.
        subject: What it was done to: a UID, a name, a version or an endpoint.
    """

    text: str
    subject: str

    def __repr__(self) -> str:
        return neutralise(self.text)


def done(session: Session, text: str, subject: str) -> Done:
    """Show `text` to the user, and return the same for code."""
    session.say(text)
    return Done(text, subject)
