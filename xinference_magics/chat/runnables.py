"""Any LangChain runnable, used instead of a model: chains and LangGraph agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage

from xinference_magics.chat.events import Parsed, whole
from xinference_magics.chat.graphs import INTERRUPT, is_graph, of_graph, unanswered
from xinference_magics.chat.piecewise import pieces
from xinference_magics.chat.toolbox import as_text
from xinference_magics.errors import NotebookError
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from langchain_core.runnables import Runnable

    from xinference_magics.chat.events import Event


class RunnableResponder:
    """A runnable that answers prompts.

    Its input schema decides what it gets: messages (models, agents), the prompt's text, or a dict
    with the text if it takes a dict with a single variable.

    Args:
        name: The name of the user's variable.
        runnable: The runnable.
        thread: The id of the conversation, for a graph with a checkpointer; None creates a new id.
    """

    engine = None
    context = None
    tools = ()

    def __init__(self, name: str, runnable: Runnable[Any, Any], thread: str | None = None) -> None:
        self.name = name
        self.runnable = runnable
        self.thread = thread or uuid4().hex

    @property
    def parameters(self) -> dict[str, Any]:
        """Empty: none are known."""
        return {}

    def refuse_beside_text(self, what: Sequence[str]) -> None:
        """Refuse what a runnable that takes only the prompt's text would not get.

        Args:
            what: Names of what there is beside the text, such as ``image``.

        Raises:
            NotebookError: `what` is not empty, and it takes text.
        """
        if not what or is_graph(self.runnable):
            return
        given = self._input([HumanMessage("")])
        if isinstance(given, str) or (isinstance(given, dict) and "" in given.values()):
            raise NotebookError(
                f"{self.name} takes text only, so it would not get {' and '.join(what)}.",
                hint="Leave it out, or use a chain that takes messages.",
            )

    def refuse(self, parameters: Mapping[str, Any]) -> None:
        """Refuse generation parameters: they belong on its model, if it has one.

        Raises:
            NotebookError: `parameters` is not empty.
        """
        if parameters:
            raise NotebookError(
                f"{self.name} does not accept {', '.join(parameters)}.",
                hint="Set them on its model.",
            )

    def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Stream the events of the answer.

        Raises:
            NotebookError: Generation parameters are given, or the runnable's input is unsupported.
        """
        self.refuse(parameters)
        if is_graph(self.runnable):
            return of_graph(self.name, self.runnable, messages, self.thread)
        return _of_chain(self.name, self.runnable, self._input(messages))

    def _input(self, messages: Sequence[BaseMessage]) -> Any:
        schema = self.runnable.get_input_jsonschema()
        text = str(messages[-1].text)
        if "anyOf" in schema or schema.get("type") == "array":
            return list(messages)
        if schema.get("type") in (None, "string"):
            return text
        names = list(schema.get("required") or schema.get("properties") or ())
        if len(names) != 1:
            listed = ", ".join(names) or "another kind of input"
            raise NotebookError(
                f"{self.name} needs {listed}, not a single prompt.",
                hint="Bind the others first: chain.partial, or RunnablePassthrough.assign.",
            )
        return {names[0]: list(messages) if names[0] == "messages" else text}


async def _of_chain(name: str, runnable: Runnable[Any, Any], given: Any) -> AsyncIterator[Event]:
    """Stream a chain's output; an object becomes the answer once it is complete.

    Raises:
        NotebookError: A graph in the chain asks a person something.
    """
    grown: Any = None
    asked: Any = None
    async for piece in pieces(runnable, given):
        if isinstance(piece, str):
            yield AIMessageChunk(content=piece)
        elif isinstance(piece, BaseMessage):
            yield whole(piece)
        elif isinstance(piece, Mapping) and INTERRUPT in piece:
            asked = piece[INTERRUPT]
        else:
            grown = _grown(grown, piece)
    if asked is not None:  # raised late, because a graph's stream must be read to the end
        raise unanswered(name, asked, Remedy.ASK_AGENT())
    if grown is not None:
        yield AIMessageChunk(content=as_text(grown))
        yield Parsed(grown)


def _grown(so_far: Any, piece: Any) -> Any:
    """Add a piece to the earlier ones as LangChain does; if that fails, it replaces them."""
    try:
        return so_far + piece
    except TypeError:
        return piece
