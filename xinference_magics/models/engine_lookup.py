"""What depends on a model's engine, made at the first moment at which the engine can be known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableLambda

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.runnables import Runnable

    from xinference_magics.chat_models import ChatXinference


def when_called(
    llm: ChatXinference,
    options: Mapping[str, Any],
    make: Callable[[str | None], Runnable[Any, Any]],
) -> Runnable[Any, Any]:
    """Return a runnable that looks up the engine when called, and passes the call on.

    Args:
        llm: The model.
        options: The arguments of each call, which may name another model.
        make: Returns what answers on an engine. It has to be picklable, as a partial is.
    """
    lookup = _Lookup(llm, options, make)
    return RunnableLambda(lookup.found, lookup.afound)


def uid_of(llm: ChatXinference, options: Mapping[str, Any]) -> str:
    """Return the UID of the model that a call with `options` asks."""
    return str(options.get("model") or llm.model_uid)


@dataclass(frozen=True)
class _Lookup:
    """A class, because nested functions cannot be pickled."""

    llm: ChatXinference
    options: Mapping[str, Any]
    make: Callable[[str | None], Runnable[Any, Any]]

    def found(self, _asked: Any, **call: Any) -> Runnable[Any, Any]:
        uid = uid_of(self.llm, {**self.options, **call})
        return self.make(self.llm.engine_of(uid)).bind(**call)

    async def afound(self, _asked: Any, **call: Any) -> Runnable[Any, Any]:
        uid = uid_of(self.llm, {**self.options, **call})
        return self.make(await self.llm.aengine_of(uid)).bind(**call)
