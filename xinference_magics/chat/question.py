"""A question: all that one turn sends, settled before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.turn import Turn
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.answerers import Answerer
    from xinference_magics.chat.events import Event
    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.runner import Outcome


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and of whom.

    Attributes:
        answerer: Who answers.
        prompt: The prompt with every inserted value in its place.
        blocks: The prompt as LangChain's content blocks, where it is more than text.
        system: The system prompt; empty for none.
        before: The turns that it continues.
        parameters: Generation parameters of this turn, by their request names.
        conversation: The name of the conversation; empty for the default one, None for none.
        format: What the answer is shown as.
        server_version: The version of the server, where it is known.
    """

    answerer: Answerer
    prompt: str
    blocks: list[dict[str, Any]] | None = None
    system: str = ""
    before: tuple[Turn, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    conversation: str | None = ""
    format: str = "markdown"
    server_version: str | None = None

    @property
    def messages(self) -> list[BaseMessage]:
        """What is sent: system prompt, turns before, prompt."""
        from langchain_core.messages import HumanMessage, SystemMessage

        content: Any = self.blocks or self.prompt
        return [
            *([SystemMessage(self.system)] if self.system else []),
            *(message for turn in self.before for message in turn.messages),
            HumanMessage(content),
        ]

    def source(self) -> AsyncIterator[Event]:
        """Open the events of the answer."""
        return self.answerer.events(self.messages, self.parameters)

    def settled(self, live: LiveTurn, outcome: Outcome) -> Turn:
        """Make the turn of what has arrived."""
        return Turn(
            prompt=self.prompt,
            blocks=self.blocks,
            system=self.system,
            message=live.message(),
            steps=live.steps,
            parsed=live.parsed,
            model_uid=self.answerer.name,
            engine=self.answerer.engine,
            parameters={**self.answerer.parameters, **self.parameters},
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
