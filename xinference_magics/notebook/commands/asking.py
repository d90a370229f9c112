"""Asking a model: chat and generate, which are also magics of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.notebook.chatting.options import ChatOptions, GenerateOptions
from xinference_magics.notebook.command_line.option import other_letters
from xinference_magics.notebook.commands.command import PromptCommand
from xinference_magics.notebook.commands.launch_options import LaunchOptions

if TYPE_CHECKING:
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.run import Answer


def chat(cell: CellContext, options: ChatOptions, text: str) -> Answer | None:
    """Send a prompt as the next turn of the conversation."""
    # An interrupt during these imports would leave the state of langsmith and pydantic broken for
    # the rest of the process.
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.chatting import run
    return run.chat(cell, options, text)


def generate(cell: CellContext, options: GenerateOptions, text: str) -> Turn:
    """Let a model continue a text."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.chatting import generating
    return generating.generate(cell, options, text)


COMMANDS = (
    PromptCommand(
        "chat",
        "Send a prompt to a model and stream its answer; %chat and %%chat are the same.",
        chat,
        ChatOptions,
        (
            "%%chat\nWhere can we visit in the capital of {{country}}?",
            "answer = %chat --new -t 0 What is 17 * 23?",
            "%%chat --compare my-model,another-model\nWhat is 17 * 23?",
            "answer = %chat --bg Tell me a long story.",
        ),
        note=other_letters(ChatOptions, "%xinference launch", LaunchOptions),
    ),
    PromptCommand(
        "generate",
        "Let a model continue a text and stream it; %generate and %%generate are the same.",
        generate,
        GenerateOptions,
        (
            "%%generate --max-tokens 64\nOnce upon a time",
            "story = %generate -m my-text-model Once upon a time",
        ),
        note=other_letters(GenerateOptions, "%xinference launch", LaunchOptions),
    ),
)
