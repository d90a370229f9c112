"""The certificates that a server's own is checked against, where the environment names some.

`requests` reads these variables, but not where the rest of the environment does not count, as on
this machine; aiohttp does not know them.
"""

from __future__ import annotations

import os
from pathlib import Path

from xinference_magics.errors import ConnectError


def bundle(endpoint: str) -> str | None:
    """Return the file or folder to trust for `endpoint`; None for the usual authorities.

    Raises:
        ConnectError: It is not there.
    """
    path = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not path or not endpoint.startswith("https://"):
        return None
    if not Path(path).exists():
        raise ConnectError(
            f"{endpoint} cannot be trusted: there are no certificates at {path}.",
            hint="REQUESTS_CA_BUNDLE names them.",
        )
    return path
