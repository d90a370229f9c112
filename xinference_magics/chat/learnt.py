"""What answers and refusals teach about a model: its context, and how it counts tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xinference_magics.chat_models import ChatXinference

_PRIOR = 100
"""Tokens that count as estimated rightly before anything was measured.

A chat template adds some 30 tokens to each request, which would make much of a short prompt.
"""
_LOWEST, _HIGHEST = 0.25, 4.0
"""Between these a ratio is believed: anything else is not a matter of tokenizers."""


@dataclass
class Learnt:
    """What is learnt about one model.

    Attributes:
        limit: Tokens that a request may have, as the server said when it refused one.
    """

    limit: int | None = None
    _estimated: float = 0.0
    _counted: float = 0.0

    @property
    def ratio(self) -> float:
        """By what an estimate is multiplied; 1 before anything was measured.

        The last prompt counts most, and a long one more than a short one.
        """
        ratio = (self._counted + _PRIOR) / (self._estimated + _PRIOR)
        return min(max(ratio, _LOWEST), _HIGHEST)

    def count(self, estimated: int, counted: int) -> None:
        """Take in that a prompt has `counted` tokens where `estimated` were expected."""
        if estimated > 0 and counted > 0:
            self._estimated = self._estimated / 2 + estimated
            self._counted = self._counted / 2 + counted


@dataclass
class Lessons:
    """What is learnt about models, by their servers and UIDs."""

    _of: dict[tuple[str, str], Learnt] = field(default_factory=dict)

    def of(self, model: ChatXinference) -> Learnt:
        """Return what is learnt about a model; nothing at first."""
        return self.at(model.server_url, model.model_uid)

    def at(self, endpoint: str, uid: str) -> Learnt:
        """Return what is learnt about the model `uid` of a server; nothing at first."""
        return self._of.setdefault((endpoint, uid), Learnt())

    def forget(self, endpoint: str, uid: str) -> None:
        """Forget a model: another may run under its UID."""
        self._of.pop((endpoint, uid), None)
