"""``%xinference launch``: choose what was left open, start it, wait with the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.launch import Launch, LaunchRequest
    from xinference_magics.notebook.session import Session

_NOT_SENT = ("endpoint", "api_key", "as_name", "extra")
