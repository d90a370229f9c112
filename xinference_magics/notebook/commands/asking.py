"""The models at work: chat and generate, which are magics too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.interrupts import imported
from xinference_magics.notebook import options
from xinference_magics.notebook.commands.command import Command

if TYPE_CHECKING:
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.chatting import Answer


def chat(*typed: Any) -> Answer | None:
    """Send a prompt as the next turn of the conversation."""
    answer: Answer | None = imported("xinference_magics.notebook.chatting").chat(*typed)
    return answer


def generate(*typed: Any) -> Turn:
    """Let a model continue a text."""
    turn: Turn = imported("xinference_magics.notebook.chatting.continuing").generate(*typed)
    return turn


COMMANDS = (
    Command(
        "chat",
        "Send a prompt to a model and stream its answer; %chat and %%chat are the same.",
        chat,
        options.CHAT,
        (
            "%%chat\nWhere can we visit in the capital of {{country}}?",
            "answer = %chat --new -t 0 What is 17 * 23?",
            "%%chat --compare my-model,another-model\nWhat is 17 * 23?",
            "answer = %chat --bg Tell me a long story.",
        ),
        note=options.other_letters(options.CHAT, "%xinference launch", options.LAUNCH),
        takes_cell=True,
        takes_prompt=True,
    ),
    Command(
        "generate",
        "Let a model continue a text and stream it; %generate and %%generate are the same.",
        generate,
        options.GENERATE,
        (
            "%%generate --max-tokens 64\nOnce upon a time",
            "story = %generate -m my-text-model Once upon a time",
        ),
        note=options.other_letters(options.GENERATE, "%xinference launch", options.LAUNCH),
        takes_cell=True,
        takes_prompt=True,
    ),
)
