"""A finished turn as plain output: readable in any notebook viewer, without this package."""

from __future__ import annotations

import base64
import io
import json
import re
from html import escape
from typing import TYPE_CHECKING, Any, cast

from xinference_magics.chat.turn import RECORD_MIME
from xinference_magics.display.formats import answer_html
from xinference_magics.display.frame import fold, framed
from xinference_magics.display.markdown import to_html, to_safe_line, to_safe_markdown
from xinference_magics.display.steps import Part, Said, Step, Thought, parts_of
from xinference_magics.display.tables import Table, table_of
from xinference_magics.plain import neutralise, printable
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xinference_magics.chat.turn import Turn


_HEADER = "font-size:12px;line-height:24px;margin:0 0 4px 0;opacity:0.75"
_NOTE = "font-size:12px;line-height:24px;margin:0;opacity:0.75"
_MARK = "display:inline-block;width:1.4em;text-align:center"
_MARK_COLOURS = {"done": "#2e8b57", "failed": "#d14949"}
_CALL = "font-family:var(--jp-code-font-family,var(--vscode-editor-font-family,monospace))"

_ENDS = {
    "length": "truncated by max_tokens",
    "abort": "aborted on the server",
    "error": "ended by an engine error (see the server log)",
    "content_filter": "stopped by a content filter on the server",
}
"""Why an answer is incomplete, by finish reason; `abort` comes from vLLM and SGLang."""


def bundle(turn: Turn, *, raises: bool = False) -> dict[str, Any]:
    """Describe a finished turn in every format a saved notebook needs.

    Args:
        turn: The turn.
        raises: Whether the cell raises the turn's error, which then says how it ended.

    Returns:
        `text/html` (rendered), `text/markdown` (without HTML, images and unsafe links),
        `text/plain`, and the record of the turn as JSON.
    """
    return {
        "text/html": _html(turn, raises=raises),
        "text/markdown": _markdown(turn, raises=raises),
        "text/plain": _plain(turn, raises=raises),
        RECORD_MIME: saved(turn.to_record()),
    }


def saved(record: dict[str, Any]) -> dict[str, Any]:
    """Convert a record to JSON values that a notebook can save."""
    written = json.dumps(record, ensure_ascii=False, default=str)
    return cast("dict[str, Any]", json.loads(printable(written)))


def summary(turn: Turn, title: str = "", *, raises: bool = False) -> str:
    """Summarize a turn in one line: model (or `title`), figures, and how it ended."""
    words = [title or turn.model_uid, *turn.figures.words, *_notes(turn, raises=raises)]
    return " · ".join(words)


def _notes(turn: Turn, *, raises: bool = False) -> list[str]:
    """Return notes on how a turn ended; none if all went well, or the error says it."""
    notes = []
    if early := _ENDS.get(str(turn.finish_reason)):
        remedy = f" ({Remedy.RAISE_MAX_TOKENS()})" if turn.finish_reason == "length" else ""
        notes.append(early + remedy)
    if raises:
        return notes
    if turn.status == "failed":
        notes.append(f"failed: {turn.error}" if turn.error else "failed")
    elif turn.status != "done":
        notes.append(turn.status)
    return notes


def _html(turn: Turn, *, raises: bool) -> str:
    head = header(turn.model_uid, *turn.figures.words)
    return framed("".join([head, body(turn, raises=raises), attached(turn)]))


def column(turn: Turn, title: str, *, raises: bool = False) -> str:
    """Render a turn as one of several, as HTML: its title, figures and contents."""
    return header(title, *turn.figures.words) + body(turn, raises=raises)


def body(turn: Turn, *, raises: bool = False) -> str:
    """Render the contents of a turn as HTML: its parts, and how it ended."""
    notes = printable(" · ".join(_notes(turn, raises=raises)))
    parts = [_part(turn, each) for each in parts_of(turn)]
    note = f'<div style="{_NOTE}">■ {escape(notes)}</div>' if notes else ""
    return "".join([*parts, note])


def _part(turn: Turn, part: Part) -> str:
    if isinstance(part, Thought):
        return _fold(escape(part.title), to_html(part.text))
    if isinstance(part, Said):
        return to_html(part.text)
    return _step(part) if isinstance(part, Step) else _answer(turn)


def header(title: str, *words: str) -> str:
    """Render the line above an answer as HTML, with all its text escaped."""
    who, rest = escape(printable(title)), escape(printable(" · ".join(words)))
    return f'<div style="{_HEADER}"><strong>{who}</strong> · {rest}</div>'


def _answer(turn: Turn) -> str:
    """Render the parsed object with the text in a fold, or only the text if there is no object."""
    if turn.parsed is None:
        return answer_html(turn.text, turn.format)
    text = f'<div style="white-space:pre-wrap">{escape(printable(turn.text))}</div>'
    return as_table(turn.parsed_json).content + (_fold("As text", text) if turn.text else "")


def as_table(value: Any) -> Table[Any]:
    """Show a JSON value as a table: a row for each field, or for each element of a list."""
    if isinstance(value, dict):
        return table_of([(name, _cell(each)) for name, each in value.items()], "", "")
    return table_of([[_cell(each)] for each in (value if isinstance(value, list) else [value])], "")


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _step(step: Step) -> str:
    """Render a call: one line, and its result in a fold."""
    colour = _MARK_COLOURS.get(step.status, "inherit")
    line = (
        f'<span style="{_MARK};color:{colour}">{step.mark}</span>'
        f'<span style="{_CALL}">{escape(step.call)}</span>{escape(step.outcome)}'
    )
    result = f'<div style="white-space:pre-wrap">{escape(printable(step.result))}</div>'
    return _fold(line, result + thumbnails(step.blocks))


def _fold(title: str, body: str) -> str:
    """Return a closed fold; `title` and `body` must be safe HTML."""
    return fold(f'<span style="opacity:0.75">{title}</span>', body)


def _markdown(turn: Turn, *, raises: bool) -> str:
    end = to_safe_line(summary(turn, raises=raises))
    return f"{markdown(turn)}\n\n{end}".lstrip("\n")


def markdown(turn: Turn) -> str:
    """Write the contents of a turn as Markdown."""

    def written(part: Part) -> str:
        if isinstance(part, Thought):
            lines = to_safe_markdown(part.text.strip()).splitlines()
            return "\n".join(f"> {line}" for line in lines)
        if isinstance(part, Step):
            return f"- {to_safe_line(part.line)}"
        text = part.text if isinstance(part, Said) else turn.text
        return to_safe_markdown(text.strip("\n"))

    return _one_below_another(turn, written)


def _plain(turn: Turn, *, raises: bool) -> str:
    return f"{plain(turn)}\n\n{neutralise(summary(turn, raises=raises))}".lstrip("\n")


def plain(turn: Turn) -> str:
    """Write the contents of a turn as text."""

    def written(part: Part) -> str:
        if isinstance(part, Thought):
            return f"[thinking]\n{part.text.strip()}\n[/thinking]"
        if isinstance(part, Step):
            return f"[{part.line}]"
        return (part.text if isinstance(part, Said) else turn.text).strip("\n")

    return neutralise(_one_below_another(turn, written))


def _one_below_another(turn: Turn, written: Callable[[Part], str]) -> str:
    """Join the parts of a turn: steps line by line, all else in paragraphs of its own."""
    text, was_step = "", False
    for part in parts_of(turn):
        if line := written(part):
            is_step = isinstance(part, Step)
            gap = "\n" if is_step and was_step else "\n\n"
            text, was_step = f"{text}{gap if text else ''}{line}", is_step
    return text


_DRAWN = re.compile(r"image/(?:png|jpeg|gif|webp|bmp)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_MAX_HEIGHT_PIXELS = 96
_MAX_PICTURE_CHARS = 100_000
"""Characters of base64 up to which an image serves as its own thumbnail."""


def attached(turn: Turn) -> str:
    """Render what was sent with a question, told apart from what the model has made."""
    shown = thumbnails(turn.blocks)
    return f'<div style="{_NOTE}">Attached to the question</div>{shown}' if shown else ""


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
