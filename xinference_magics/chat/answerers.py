"""What answers a question: a model, or something built around one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool

    from xinference_magics.chat.events import Event
    from xinference_magics.chat_models import ChatXinference


class Answerer(Protocol):
    """Answers messages with the events of a turn."""

    @property
    def name(self) -> str:
        """The name of the turn's source: a model's UID, or the name of a chain."""
        ...

    @property
    def engine(self) -> str | None:
        """The engine behind it, if there is one and it is known."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """Default generation parameters; those of the question override them."""
        ...

    @property
    def context(self) -> int | None:
        """The context window in tokens, prompt and answer together; None if unknown."""
        ...

    @property
    def tools(self) -> Sequence[BaseTool]:
        """The tools sent along with the messages."""
        ...

    def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Stream the events of the answer."""
        ...


class ModelAnswerer:
    """A plain model, and the base class of answerers built around one.

    Args:
        model: The model.
    """

    def __init__(self, model: ChatXinference) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """The model's UID."""
        return self.model.model_uid

    @property
    def engine(self) -> str | None:
        """The engine that runs the model, if known."""
        return self.model.engine

    @property
    def parameters(self) -> dict[str, Any]:
        """The model's generation parameters."""
        return dict(self.model.generation_parameters)

    @property
    def context(self) -> int | None:
        """The model's context window in tokens, if its description specifies one."""
        return (self.model.profile or {}).get("max_input_tokens")

    @property
    def tools(self) -> Sequence[BaseTool]:
        """Empty: a plain model has no tools."""
        return ()

    def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Stream the model's answer."""
        return self.model.astream(list(messages), **parameters)
