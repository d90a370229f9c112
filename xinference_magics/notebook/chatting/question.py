"""A question: all that one ``%%chat`` sends, settled before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.turn import Turn
    from xinference_magics.chat_models import ChatXinference


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and of which model.

    Attributes:
        model: Who answers.
        prompt: The prompt with every inserted value in its place.
        blocks: The prompt as LangChain's content blocks, where it is more than text.
        system: The system prompt; empty for none.
        before: The turns that it continues.
        parameters: Generation parameters of this turn, by their request names.
        conversation: The name of the conversation; empty for the default one.
        format: What the answer is shown as.
    """

    model: ChatXinference
    prompt: str
    blocks: list[dict[str, Any]] | None = None
    system: str = ""
    before: tuple[Turn, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    conversation: str = ""
    format: str = "markdown"

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
