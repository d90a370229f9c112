"""What older servers lack, and which version brought it.

Whatever depends on the server's version stands here; what was tried on which is in
docs/compatibility.md. Nothing here does I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """Something that servers have since some version.

    Args:
        what: For people; follows "has no".
        since: The first version that has it.
        path: The paths of its requests.
    """

    what: str
    since: str
    path: re.Pattern[str]


_OFFERS = (Offer("log that can be read from here", "3.0", re.compile(r"/v1/cluster/runtime-logs")),)


def offer_at(path: str) -> Offer | None:
    """Return what a request asks for that not all servers have; None for all others."""
    return next((offer for offer in _OFFERS if offer.path.match(path)), None)
