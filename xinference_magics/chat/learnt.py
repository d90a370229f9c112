"""What answers and refusals reveal about a model: its context window and how it counts tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xinference_magics.chat_models import ChatXinference

_PRIOR = 100
"""Tokens assumed to be estimated correctly before anything is measured.

A chat template adds some 30 tokens to each request, which would distort the ratio of a short
prompt.
"""
_LOWEST, _HIGHEST = 0.25, 4.0
"""The bounds of a plausible ratio: tokenizers do not account for anything beyond."""


@dataclass
class Learnt:
    """What has been learnt about one model.

    Attributes:
        limit: Maximum tokens of a request, as reported by the server when it refused one.
    """

    limit: int | None = None
    _estimated: float = 0.0
    _counted: float = 0.0

    @property
    def ratio(self) -> float:
        """The factor to multiply estimates by; 1 before anything is measured.

        The last prompt counts most, and a long one more than a short one.
        """
        ratio = (self._counted + _PRIOR) / (self._estimated + _PRIOR)
        return min(max(ratio, _LOWEST), _HIGHEST)

    def count(self, estimated: int, counted: int) -> None:
        """Record that a prompt had `counted` tokens when `estimated` were expected."""
        if estimated > 0 and counted > 0:
            self._estimated = self._estimated / 2 + estimated
            self._counted = self._counted / 2 + counted


@dataclass
class Lessons:
    """What has been learnt about models, by server and UID."""

    _of: dict[tuple[str, str], Learnt] = field(default_factory=dict)

    def of(self, model: ChatXinference) -> Learnt:
        """Return what has been learnt about a model; initially empty."""
        return self.at(model.server_url, model.model_uid)

    def at(self, endpoint: str, uid: str) -> Learnt:
        """Return what has been learnt about the model `uid` on a server; initially empty."""
        return self._of.setdefault((endpoint, uid), Learnt())

    def forget(self, endpoint: str, uid: str) -> None:
        """Forget a model, because another one may run under its UID."""
        self._of.pop((endpoint, uid), None)
