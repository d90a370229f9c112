"""Any runnable of LangChain in place of a model: chains, and agents of LangGraph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage

from xinference_magics.chat.events import Parsed, ToolStart
from xinference_magics.chat.toolbox import as_text
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from langchain_core.runnables import Runnable

    from xinference_magics.chat.events import Event


class RunnableAnswerer:
    """A runnable that answers prompts.

    It is given what it takes: messages where it takes messages (models, agents), the prompt's
    text where it takes text, and a dict with the text where it takes one with a single variable.

    Args:
        name: The name of the user's variable.
        runnable: The runnable.
    """

    engine = None
    context = None
    tools = ()

    def __init__(self, name: str, runnable: Runnable[Any, Any]) -> None:
        self.name = name
        self.runnable = runnable

    @property
    def parameters(self) -> dict[str, Any]:
        """None are known."""
        return {}

    def refuse(self, parameters: Mapping[str, Any]) -> None:
        """Refuse generation parameters: its model, if it has one, has them.

        Raises:
            NotebookError: There are some.
        """
        if parameters:
            raise NotebookError(
                f"{self.name} takes no {', '.join(parameters)}.", hint="Set them on its model."
            )

    def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Open its stream.

        Raises:
            NotebookError: Generation parameters are given, or its input is not known.
        """
        self.refuse(parameters)
        if hasattr(self.runnable, "aget_state"):  # a compiled graph of LangGraph
            return _of_graph(self.runnable, messages)
        return _of_chain(self.runnable, self._input(messages))

    def _input(self, messages: Sequence[BaseMessage]) -> Any:
        schema = self.runnable.get_input_jsonschema()
        text = str(messages[-1].text)
        if "anyOf" in schema or schema.get("type") == "array":
            return list(messages)
        if schema.get("type") in (None, "string"):
            return text
        names = list(schema.get("required") or schema.get("properties") or ())
        if len(names) != 1:
            listed = ", ".join(names) or "something else"
            raise NotebookError(
                f"{self.name} takes {listed}, not one prompt.",
                hint="Bind the others first: chain.partial, or RunnablePassthrough.assign.",
            )
        return {names[0]: list(messages) if names[0] == "messages" else text}


async def _of_chain(runnable: Runnable[Any, Any], given: Any) -> AsyncIterator[Event]:
    """Follow what a chain writes; an object is the answer when it is whole."""
    grown: Any = None
    async for piece in runnable.astream(given):
        if isinstance(piece, str):
            yield AIMessageChunk(content=piece)
        elif isinstance(piece, BaseMessage):
            yield _chunk(piece)
        else:
            grown = _grown(grown, piece)
    if grown is not None:
        yield AIMessageChunk(content=as_text(grown))
        yield Parsed(grown)


def _grown(so_far: Any, piece: Any) -> Any:
    """Put a piece to those before it as LangChain does: what cannot be added replaces them."""
    try:
        return so_far + piece
    except TypeError:
        return piece


def _chunk(message: BaseMessage) -> AIMessageChunk:
    """Take a message that comes whole for a stream of one chunk."""
    if isinstance(message, AIMessageChunk):
        return message
    if not isinstance(message, AIMessage):
        return AIMessageChunk(content=message.content)
    fields = AIMessage.model_fields.keys() - {"type"}
    return AIMessageChunk(**{name: getattr(message, name) for name in fields})


async def _of_graph(graph: Any, messages: Sequence[BaseMessage]) -> AsyncIterator[Event]:
    """Follow a graph's messages as they stream, and the calls of its tools."""
    async for kind, part in graph.astream(
        {"messages": list(messages)}, stream_mode=["messages", "updates"]
    ):
        if kind == "messages":
            message = part[0]
            if isinstance(message, AIMessage):
                yield _chunk(message)
            elif isinstance(message, ToolMessage):
                yield message
            continue
        for update in part.values():
            for call in _calls(update):
                yield call


def _calls(update: object) -> list[ToolStart]:
    """Find the calls in what a node of a graph has put into its messages."""
    said = update.get("messages") if isinstance(update, dict) else None
    return [
        ToolStart(call["id"] or "", call["name"], call["args"])
        for message in (said if isinstance(said, list) else ())
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]
