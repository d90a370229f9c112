"""What answers a question: a model, or a model that calls tools until it has an answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from langchain_core.messages import AIMessage, ToolMessage

from xinference_magics.chat.events import ToolStart, merged
from xinference_magics.chat.toolbox import declined, failed
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from langchain_core.messages import AIMessageChunk, BaseMessage
    from langchain_core.messages.tool import ToolCall
    from langchain_core.tools import BaseTool

    from xinference_magics.chat.events import Event
    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.chat.toolbox import Toolbox
    from xinference_magics.chat_models import ChatXinference


class Responder(Protocol):
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


class ModelResponder:
    """A plain model, and the base class of responders built around one.

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


_log = logging.getLogger(__name__)

MAX_ROUNDS = 10
"""Maximum rounds of tool calls in one turn."""
_MAX_ERROR_CHARS = 2000
"""Maximum characters of an exception shown to the model."""


@dataclass
class Agent(ModelResponder):
    """A model that may call tools.

    Attributes:
        model: The model.
        toolbox: The tools it may call.
        main_thread: Runs the tools.
        confirm: Called on that thread before each call: True allows it, False or the user's reason
            declines it. None allows all.
        rounds: Maximum rounds of tool calls.
    """

    model: ChatXinference
    toolbox: Toolbox
    main_thread: MainThread
    confirm: Callable[[ToolCall], bool | str] | None = None
    rounds: int = MAX_ROUNDS

    @property
    def tools(self) -> list[BaseTool]:
        """The tools offered to the model."""
        return self.toolbox.tools

    async def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Answer, running tools as often as the model calls them.

        Raises:
            NotebookError: The model still calls tools after the last round.
        """
        model = self.model.bind_tools(self.toolbox.tools)
        said = list(messages)
        for _ in range(self.rounds):
            chunks: list[AIMessageChunk] = []
            async for chunk in model.astream(said, **parameters):
                chunks.append(cast("AIMessageChunk", chunk))
                yield chunks[-1]
            answer = merged(chunks)
            if not (answer.tool_calls or answer.invalid_tool_calls):
                return
            said.append(answer)
            async for event in self._call_tools(answer):
                if isinstance(event, ToolMessage):
                    said.append(event)
                yield event
        raise NotebookError(
            f"{self.name} was still calling tools after {self.rounds} rounds.",
            hint="The turn's steps show what it did.",
        )

    async def _call_tools(self, answer: AIMessage) -> AsyncIterator[ToolStart | ToolMessage]:
        for call in answer.tool_calls:
            start = ToolStart(call["id"] or "", call["name"], call["args"])
            if self.confirm is not None:
                yield replace(start, asks=True)
                if (refused := await self._refused(call)) is not None:
                    yield refused
                    continue
            yield start
            yield await self._call(call)
        for broken in answer.invalid_tool_calls:
            yield ToolStart(broken["id"] or "", broken["name"] or "", {"?": broken["args"]})
            yield failed(
                broken, f"The arguments are not valid JSON: {broken['error'] or broken['args']}"
            )

    async def _call(self, call: ToolCall) -> ToolMessage:
        try:
            result = await self.main_thread.call(self.toolbox.caller(call))
        except Exception as error:  # noqa: BLE001 - the model reads it and continues
            # The message may contain the user's data, so only the type is logged.
            _log.debug("The tool %s raised %s", call["name"], type(error).__name__)
            return failed(call, f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS])
        if not isinstance(result, ToolMessage):
            raise NotebookError(f"The tool {call['name']} returned no message.")
        return result

    async def _refused(self, call: ToolCall) -> ToolMessage | None:
        """Ask the user about a call; return what the model is told if it isn't to be made."""
        assert self.confirm is not None  # noqa: S101  # checked by the caller
        confirm = self.confirm
        try:
            decision = await self.main_thread.call(lambda: confirm(call))
        except Exception as error:  # noqa: BLE001 - the model reads it and continues
            return failed(call, f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS])
        return None if decision is True else declined(call, decision or "")
