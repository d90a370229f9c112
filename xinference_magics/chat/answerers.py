"""Who answers a question: a model, or something built around one."""

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
        """What the turn is said to come from: a model's UID, or the name of a chain."""
        ...

    @property
    def engine(self) -> str | None:
        """The engine behind it, where there is one and it is known."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """Generation parameters that apply where the question has none."""
        ...

    @property
    def context(self) -> int | None:
        """Tokens that it takes, prompt and answer together, where that is known."""
        ...

    @property
    def tools(self) -> Sequence[BaseTool]:
        """What it sends beside the messages."""
        ...

    def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Open the events of the answer."""
        ...


class ModelAnswerer:
    """A model by itself, and the base of what is built around one.

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
        """The engine that runs it, where it is known."""
        return self.model.engine

    @property
    def parameters(self) -> dict[str, Any]:
        """Its generation parameters."""
        return dict(self.model.generation_parameters)

    @property
    def context(self) -> int | None:
        """Tokens that the model takes, where its description said."""
        return (self.model.profile or {}).get("max_input_tokens")

    @property
    def tools(self) -> Sequence[BaseTool]:
        """None, without an agent around it."""
        return ()

    def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Open the model's stream."""
        return self.model.astream(list(messages), **parameters)
