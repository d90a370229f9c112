"""Wait for background turns before continuing from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat.pending import goes_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xinference_magics.chat.pending import PendingTurn
    from xinference_magics.notebook.session.session import Session


def catch_up(session: Session, turns: Iterable[PendingTurn]) -> None:
    """Wait until `turns` have ended, and say so in one line.

    Raises:
        KeyboardInterrupt: The wait was interrupted; the turns keep running.
    """
    pending = [each for each in turns if not each.done]
    if not pending:
        return
    names = ", ".join(dict.fromkeys(each.title for each in pending))
    try:
        session.say(f"Waiting for an earlier turn of this conversation: {names}.")
        for each in pending:
            each.wait()
    except KeyboardInterrupt:
        raise goes_on(names) from None
