"""A finished turn as plain output: readable in any notebook viewer, without this package."""

from __future__ import annotations

import base64
import io
import json
import re
from html import escape
from typing import TYPE_CHECKING, Any, cast

from xinference_magics.chat.turn import RECORD_MIME
from xinference_magics.display.amounts import counted
from xinference_magics.display.buttons import again_button, copy_button
from xinference_magics.display.formats import answer_html
from xinference_magics.display.markdown import (
    IGNORED_BY_MATHJAX,
    to_html,
    to_safe_line,
    to_safe_markdown,
)
from xinference_magics.display.steps import Step, steps_of
from xinference_magics.display.tables import Table, table_of
from xinference_magics.plain import neutralise, printable
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xinference_magics.chat.turn import Turn


_HEADER = "font-size:12px;line-height:24px;margin:0 0 4px 0;opacity:0.75"
_NOTE = "font-size:12px;line-height:24px;margin:0;opacity:0.75"
_FOLD = "margin:0 0 8px 0"
_FOLD_LINE = "font-size:12px;line-height:24px;cursor:pointer;opacity:0.75"
_FOLDED = "border-left:2px solid rgba(128,128,128,0.4);padding:0 0 0 12px;opacity:0.8"

_ENDS = {
    "length": "truncated by max_tokens",
    "abort": "aborted on the server",
    "error": "ended by an engine error (see the server log)",
    "content_filter": "stopped by a content filter on the server",
}
"""Why an answer is incomplete, by finish reason; `abort` comes from vLLM and SGLang."""


def bundle(turn: Turn) -> dict[str, Any]:
    """Describe a finished turn in every format a saved notebook needs.

    Returns:
        `text/html` (rendered), `text/markdown` (without HTML, images and unsafe links),
        `text/plain`, and the record of the turn as JSON.
    """
    return {
        "text/html": _html(turn),
        "text/markdown": _markdown(turn),
        "text/plain": _plain(turn),
        RECORD_MIME: saved(turn.to_record()),
    }


def saved(record: dict[str, Any]) -> dict[str, Any]:
    """Convert a record to JSON values that a notebook can save."""
    written = json.dumps(record, ensure_ascii=False, default=str)
    return cast("dict[str, Any]", json.loads(printable(written)))


def summary(turn: Turn, title: str = "") -> str:
    """Summarize a turn in one line: model (or `title`), tokens, rate, seconds, and how it ended."""
    return " · ".join([title or turn.model_uid, *_figures(turn), *_notes(turn)])


def _figures(turn: Turn) -> list[str]:
    figures = []
    if turn.tokens is not None:
        figures.append(counted(turn.tokens, "token"))
    if turn.tokens_per_second is not None:
        figures.append(f"{turn.tokens_per_second:.1f} tokens/s")
    return [*figures, f"{turn.seconds:.1f} s"]


def _notes(turn: Turn) -> list[str]:
    """Return notes on how a turn ended; none if all went well."""
    notes = []
    if early := _ENDS.get(str(turn.finish_reason)):
        remedy = f" ({Remedy.RAISE_MAX_TOKENS()})" if turn.finish_reason == "length" else ""
        notes.append(early + remedy)
    if turn.status == "failed":
        notes.append(f"failed: {turn.error}" if turn.error else "failed")
    elif turn.status != "done":
        notes.append(turn.status)
    return notes


def _html(turn: Turn) -> str:
    buttons = copy_button(turn) + again_button(turn)
    head = header(turn.model_uid, *_figures(turn), buttons=buttons)
    return as_is("".join((head, thumbnails(turn.blocks), body(turn))))


def as_is(html: str) -> str:
    """Wrap HTML so that MathJax does not look for formulas in it."""
    return f'<div class="{IGNORED_BY_MATHJAX}">{html}</div>'


def column(turn: Turn, title: str, buttons: str = "") -> str:
    """Render a turn as one of several, as HTML: its title, figures, buttons and contents."""
    return header(title, *_figures(turn), buttons=copy_button(turn) + buttons) + body(turn)


def body(turn: Turn) -> str:
    """Render the contents of a turn as HTML: its steps, its reasoning, its answer."""
    notes = printable(" · ".join(_notes(turn)))
    parts = [
        *map(_step, steps_of(turn.steps)),
        _thinking(turn.reasoning, turn.reasoning_seconds),
        _answer(turn),
        f'<div style="{_NOTE}">■ {escape(notes)}</div>' if notes else "",
    ]
    return "".join(parts)


def header(title: str, *words: str, buttons: str = "") -> str:
    """Render the line above an answer as HTML, with all its text escaped, and its buttons."""
    who, rest = escape(printable(title)), escape(printable(" · ".join(words)))
    return f'<div style="{_HEADER}"><strong>{who}</strong> · {rest}{buttons}</div>'


def _answer(turn: Turn) -> str:
    """Render the parsed object with the text in a fold, or only the text if there is no object."""
    if turn.parsed is None:
        return answer_html(turn.text, turn.format)
    text = f'<div style="white-space:pre-wrap">{escape(printable(turn.text))}</div>'
    return as_table(turn.parsed_json).html + (_fold("As text", text) if turn.text else "")


def as_table(value: Any) -> Table[Any]:
    """Show a JSON value as a table: a row for each field, or for each element of a list."""
    if isinstance(value, dict):
        return table_of([(name, _cell(each)) for name, each in value.items()], "", "")
    return table_of([[_cell(each)] for each in (value if isinstance(value, list) else [value])], "")


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _thinking(reasoning: str, seconds: float | None) -> str:
    if not reasoning.strip():
        return ""
    title = "Thinking" if seconds is None else f"Thought for {seconds:.1f} s"
    return _fold(title, to_html(reasoning))


def _step(step: Step) -> str:
    said = to_html(step.said) if step.said else ""
    if step.result is None:
        return f'{said}<div style="{_NOTE}">{escape(step.line)}</div>'
    result = f'<div style="white-space:pre-wrap">{escape(printable(step.result))}</div>'
    return said + _fold(step.line, result + thumbnails(step.blocks))


def _fold(title: str, body: str) -> str:
    """Return a closed fold; `body` must be safe HTML."""
    return (
        f'<details style="{_FOLD}"><summary style="{_FOLD_LINE}">{escape(title)}</summary>'
        f'<div style="{_FOLDED}">{body}</div></details>'
    )


def _markdown(turn: Turn) -> str:
    return f"{markdown(turn)}\n\n{to_safe_line(summary(turn))}".lstrip("\n")


def markdown(turn: Turn) -> str:
    """Write the contents of a turn as Markdown."""
    text, reasoning = turn.text.strip("\n"), turn.reasoning.strip()
    quoted = "\n".join(f"> {line}" for line in to_safe_markdown(reasoning).splitlines())
    steps = [
        (to_safe_markdown(step.said), f"- {to_safe_line(step.line)}")
        for step in steps_of(turn.steps)
    ]
    parts = (_one_below_another(steps), quoted, to_safe_markdown(text))
    return "\n\n".join(part for part in parts if part)


def _plain(turn: Turn) -> str:
    return f"{plain(turn)}\n\n{neutralise(summary(turn))}".lstrip("\n")


def plain(turn: Turn) -> str:
    """Write the contents of a turn as text."""
    text, reasoning = turn.text.strip("\n"), turn.reasoning.strip()
    steps = _one_below_another([(step.said, f"[{step.line}]") for step in steps_of(turn.steps)])
    thinking = f"[thinking]\n{reasoning}\n[/thinking]" if reasoning else ""
    return neutralise("\n\n".join(part for part in (steps, thinking, text) if part))


def _one_below_another(steps: list[tuple[str, str]]) -> str:
    """Join the lines of steps, with any text that precedes a step in a paragraph of its own."""
    lines = (f"\n{said}\n\n{line}" if said else line for said, line in steps)
    return "\n".join(lines).lstrip("\n")


_DRAWN = re.compile(r"image/(?:png|jpeg|gif|webp|bmp)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_MAX_HEIGHT_PIXELS = 96
_MAX_PICTURE_CHARS = 100_000
"""Characters of base64 up to which an image serves as its own thumbnail."""


def thumbnails(blocks: Iterable[dict[str, Any]] | None) -> str:
    """Render images as thumbnails, and all else as names, in HTML that fetches nothing."""
    shown = [_thumbnail(block) for block in blocks or () if block.get("type") != "text"]
    return f'<div style="margin:0 0 8px 0">{" ".join(shown)}</div>' if shown else ""


def _thumbnail(block: dict[str, Any]) -> str:
    name = printable(str((block.get("extras") or {}).get("name") or block.get("type")))
    data, mime = str(block.get("base64") or ""), str(block.get("mime_type") or "")
    if _DRAWN.fullmatch(mime) and _BASE64.fullmatch(data):
        data, mime = _smaller(data, mime)
        if data:
            return (
                f'<img src="data:{mime};base64,{data}" alt="{escape(name)}" '
                f'style="max-height:{_MAX_HEIGHT_PIXELS}px;max-width:100%"/>'
            )
    return f'<span style="font-size:12px;opacity:0.75">[{escape(name)}]</span>'


def _smaller(data: str, mime: str) -> tuple[str, str]:
    """Scale down a large image with Pillow; return empty strings if that is impossible."""
    if len(data) <= _MAX_PICTURE_CHARS:
        return data, mime
    try:
        from PIL import Image

        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            picture.thumbnail((4 * _MAX_HEIGHT_PIXELS, 2 * _MAX_HEIGHT_PIXELS))
            small = io.BytesIO()
            picture.convert("RGB").save(small, format="JPEG")
    except Exception:  # noqa: BLE001  # decoders fail in many ways, also on a decompression bomb
        return "", ""
    return base64.b64encode(small.getvalue()).decode("ascii"), "image/jpeg"
