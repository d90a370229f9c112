"""Why a request failed, where the answer itself does not say.

Xinference 4.1 tells who chats only that the request failed. It keeps the reason among the
model's events, which everybody may read who may use the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xinference_magics.errors import ServerError

_KEPT_BACK = "request failed. Check the server logs for details."


def says_nothing(error: ServerError) -> bool:
    """Tell whether the server kept the reason to itself."""
    return error.detail.endswith(_KEPT_BACK)


def last_failure(events: Any) -> str | None:
    """Return what failed last.

    The server notes it before it answers, so that it is what was asked here, unless another
    request to the same model has failed within the same moment.

    Args:
        events: The answer of ``GET /v1/models/{uid}/events``, oldest first; None for none.
    """
    for each in reversed(events if isinstance(events, list) else []):
        if isinstance(each, dict) and str(each.get("event_type")).upper() == "ERROR":
            said = each.get("event_content")
            return said if isinstance(said, str) and said.strip() else None
    return None
