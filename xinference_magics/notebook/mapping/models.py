"""Who answers the rows of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.data.chats import ChatAsker
from xinference_magics.json_fields import number
from xinference_magics.notebook.chatting.responders import running_model
from xinference_magics.transport.limiter import Slots

if TYPE_CHECKING:
    from xinference_magics.data.asking import Asker
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.mapping.options import MapOptions
    from xinference_magics.notebook.session.session import Session

_PER_REPLICA = ("n_parallel", "max_num_seqs", "max_running_requests")
"""The options of launches that set how many requests a replica answers at once."""


def answering(cell: CellContext, options: MapOptions, name: str | None) -> Any:
    """Return what answers: a model, or a chain, embeddings or a reranker of the user's.

    Raises:
        NotebookError: There is no model to ask.
    """
    named = cell.variables.get(name) if name else None
    if any(callable(getattr(named, each, None)) for each in _ASKABLE):
        return named
    return running_model(cell, options.endpoint, name, named)


_ASKABLE = ("ainvoke", "aembed_documents", "acompress_documents")


def slots_of(session: Session, asker: Asker) -> Slots | None:
    """Return how many requests a model answers at once, if this notebook launched it.

    The server does not tell with which options a model was launched.
    """
    if not isinstance(asker, ChatAsker):
        return None
    own = session.launches.of(asker.server_url, asker.name)
    if own is None:
        return None
    told = {name: number(own.extra.get(name)) for name in _PER_REPLICA}
    each = next((count for count in told.values() if count), None)
    limit = number(own.request_limits)
    if limit and (each is None or limit < each):
        return Slots(own.replica or 1, limit, f"launched with request_limits={limit}")
    if each is None:
        return None
    name = next(name for name, count in told.items() if count)
    return Slots(own.replica or 1, each, f"launched with {name}={each}")
