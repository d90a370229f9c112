"""Ways of showing a stream in a cell while it arrives; run in kernels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from IPython.display import Markdown, display, update_display
from ipywidgets import HTML
from xinference_client.client.restful.restful_client import RESTfulChatModelHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = [{"role": "user", "content": "Count."}]
CONFIG = {"stream": True}
_EVERY = 0.1


def text_of(data: dict[str, Any]) -> str:
    """Return the text of a chunk."""
    return data["choices"][0]["delta"].get("content") or "" if data["choices"] else ""


def texts(endpoint: str, uid: str, prompt: str = "Count.") -> Iterator[str]:
    """Read with xinference-client, token by token."""
    messages = [{"role": "user", "content": prompt}] if prompt else MESSAGES
    config = {**CONFIG, "temperature": 0, "max_tokens": 512}
    for data in RESTfulChatModelHandle(uid, endpoint, {}).chat(messages, generate_config=config):
        if text := text_of(data):
            yield text


def printed(endpoint: str, uid: str, prompt: str = "Count.") -> None:
    """Print each token; the kernel sends printed text five times a second."""
    for text in texts(endpoint, uid, prompt):
        print(text, end="")


def flushed(endpoint: str, uid: str, prompt: str = "Count.") -> None:
    """Print each token, and send it at once."""
    for text in texts(endpoint, uid, prompt):
        print(text, end="", flush=True)


def markdown(endpoint: str, uid: str, every: float = 0.0) -> None:
    """Show the whole text as Markdown, on each token or at most once in `every` seconds."""
    whole, shown = "", time.monotonic()
    display(Markdown(""), display_id="answer")
    for text in texts(endpoint, uid):
        whole += text
        if time.monotonic() - shown >= every:
            update_display(Markdown(whole), display_id="answer")
            shown = time.monotonic()
    update_display(Markdown(whole), display_id="answer")


def markdown_at_times(endpoint: str, uid: str) -> None:
    """Show the whole text as Markdown ten times a second."""
    markdown(endpoint, uid, _EVERY)


def html(endpoint: str, uid: str) -> None:
    """Set the whole text as the value of an HTML widget, on each token."""
    widget, whole = HTML(), ""
    display(widget)
    for text in texts(endpoint, uid):
        whole += text
        widget.value = whole
