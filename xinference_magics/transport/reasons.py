"""Find out why a request failed when the response itself does not say.

Xinference 4.1 reports to chat clients only that the request failed. It stores the reason among the
model's events, which everybody who may use the model may read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xinference_magics.errors import ServerError

_KEPT_BACK = "request failed. Check the server logs for details."


def says_nothing(error: ServerError) -> bool:
    """Return whether the server withheld the reason."""
    return error.detail.endswith(_KEPT_BACK)


def last_failure(events: Any) -> str | None:
    """Return the message of the last failure, or None.

    The server records a failure before it answers, so the last one belongs to the caller's request
    unless another request to the same model failed at the same moment.

    Args:
        events: The response to ``GET /v1/models/{uid}/events``, oldest first; None for none.
    """
    for each in reversed(events if isinstance(events, list) else []):
        if isinstance(each, dict) and str(each.get("event_type")).upper() == "ERROR":
            said = each.get("event_content")
            return said if isinstance(said, str) and said.strip() else None
    return None
