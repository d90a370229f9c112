"""What older servers lack, and which version added it.

Everything that depends on the server's version is here; docs/compatibility.md lists what was tested
on which version. Nothing here does I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xinference_magics.errors import ServerError


@dataclass(frozen=True)
class Feature:
    """Something that servers have had since some version.

    Args:
        what: Its description for people; follows "has no".
        since: The first version that has it.
        path: Matches the paths of its requests.
    """

    what: str
    since: str
    path: re.Pattern[str]


_MODEL = r"/v1/models/[^/]+"
_FEATURES = (
    Feature("accounts of its own to set up", "3.0", re.compile(r"/v1/admin/setup")),
    Feature("way to change the number of replicas", "3.2", re.compile(rf"{_MODEL}/replicas")),
    Feature("log that can be read from here", "4.0", re.compile(r"/v1/cluster/runtime-logs")),
    Feature("way to reload a model", "4.0", re.compile(rf"{_MODEL}/reload")),
    Feature("way to be relaunched", "4.1", re.compile(r"/v1/(api|supervisor)[/-]relaunch")),
)


_WHOLE_ONLY = re.compile(
    "Streaming support for tool calls is available only"
    "|extract_tool_calls_streaming has not been implemented"
)
"""How a server refuses to stream when tools are offered.

1.x refuses for most models and engines, with status 400; 4.1 on vLLM, SGLang and MLX for the
families whose parser cannot stream (llama3, deepseek-r1, deepseek-v3), with an event inside the
stream.
"""


def streams_no_tools(refusal: ServerError) -> bool:
    """Return whether the server refused only to stream an answer with tools."""
    return bool(_WHOLE_ONLY.search(refusal.detail))


def feature_at(path: str) -> Feature | None:
    """Return the feature that a request to `path` needs; None if all servers have it."""
    return next((feature for feature in _FEATURES if feature.path.match(path)), None)
