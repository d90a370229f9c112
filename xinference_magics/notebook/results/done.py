"""What a command did that finds nothing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.plain import neutralise
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from xinference_magics.notebook.session import Session


@dataclass(frozen=True, repr=False)
class Done(Shown):
    """What was done; shown as text.

    Attributes:
        text: The same for people.
        subject: What it was done to: a UID, a name, a version, an endpoint.
    """

    text: str
    subject: str

    def __repr__(self) -> str:
        return neutralise(self.text)


def done(session: Session, text: str, subject: str) -> Done:
    """Tell the user, and return the same for code."""
    session.say(text)
    return Done(text, subject)
