"""A question: everything that one turn sends, settled before anything is sent."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from xinference_magics.chat.budget import learn_of_count, learn_of_refusal, refitted
from xinference_magics.chat.turn import Turn
from xinference_magics.errors import ContextLengthError
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.events import Event
    from xinference_magics.chat.learnt import Learnt
    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.responders import Responder
    from xinference_magics.chat.runner import Outcome


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask, and what answers it.

    Attributes:
        responder: What answers: a model, or something built around one.
        prompt: The prompt with all values inserted.
        blocks: The prompt as LangChain content blocks, if it is more than text.
        system: The system prompt; empty for none.
        before: The turns that it continues.
        parameters: Generation parameters of this turn, by their request names.
        conversation: The name of the conversation; empty for the default one, None for none.
        format: How the answer is shown, such as `markdown`.
        server_version: The version of the server, if known.
        learnt: Records what the answer reveals about the model; None if that is not needed, as
            with a chain.
    """

    responder: Responder
    prompt: str
    blocks: list[dict[str, Any]] | None = None
    system: str = ""
    before: tuple[Turn, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    conversation: str | None = ""
    format: str = "markdown"
    server_version: str | None = None
    learnt: Learnt | None = None

    @property
    def context(self) -> int | None:
        """The model's context window in tokens, prompt and answer together; None if unknown."""
        learnt = self.learnt and self.learnt.limit
        return learnt or self.responder.context

    @property
    def is_markdown(self) -> bool:
        """Whether the answer is to be Markdown, and not data in another format."""
        return self.format == "markdown" and getattr(self.responder, "form", None) is None

    @property
    def messages(self) -> list[BaseMessage]:
        """The messages to send: system prompt, earlier turns, prompt."""
        from langchain_core.messages import HumanMessage, SystemMessage

        content: Any = self.blocks or self.prompt
        return [
            *([SystemMessage(self.system)] if self.system else []),
            *(message for turn in self.before for message in turn.messages),
            HumanMessage(content),
        ]

    async def source(self) -> AsyncGenerator[Event]:
        """Stream the events of the answer.

        If the prompt exceeds the model's context window, it is sent once more with fewer turns.
        """
        begun = False
        try:
            async with aclosing(self._events()) as events:
                async for event in events:
                    begun = begun or not _is_empty(event)
                    yield event
        except ContextLengthError as error:
            shorter = None if begun else refitted(self, error)
            if shorter is None:
                raise
        else:
            return
        async with aclosing(shorter._events()) as events:  # noqa: SLF001  # of this class
            async for event in events:
                yield event

    async def _events(self) -> AsyncGenerator[Event]:
        """Ask, and learn the length of the prompt from the first token count."""
        events = cast(
            "AsyncGenerator[Event]", self.responder.events(self.messages, self.parameters)
        )
        counted = False
        try:
            async with aclosing(events):
                async for event in events:
                    usage = None if counted else getattr(event, "usage_metadata", None)
                    if usage:
                        counted = True
                        learn_of_count(self, usage["input_tokens"])
                    yield event
        except ContextLengthError as error:
            learn_of_refusal(self, error)
            raise

    def settled(self, live: LiveTurn, outcome: Outcome) -> Turn:
        """Build the turn from what has arrived."""
        return Turn(
            prompt=self.prompt,
            blocks=self.blocks,
            system=self.system,
            message=live.message(),
            steps=live.steps,
            parsed=live.parsed,
            model_uid=self.responder.name,
            engine=self.responder.engine,
            parameters={**self.responder.parameters, **self.parameters},
            conversation=self.conversation,
            format=self.format,
            server_version=self.server_version,
            started=live.started_at,
            seconds=outcome.seconds,
            first_token_seconds=live.first_token_seconds,
            reasoning_seconds=live.reasoning_seconds,
            status=outcome.status,
            error=neutralise(" ".join(str(outcome.error or "").split())),
        )


def _is_empty(event: Event) -> bool:
    """Whether an event carries nothing: a server may send a role before it refuses."""
    return not any(
        getattr(event, name, True) for name in ("content", "tool_call_chunks", "additional_kwargs")
    )
