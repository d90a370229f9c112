"""The result of a command that acts but returns no data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.plain import neutralise
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from xinference_magics.notebook.session.session import Session


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
