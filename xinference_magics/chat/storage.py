"""Save and load conversations, and restore them from a notebook's saved outputs.

A saved conversation is JSON with the records of its turns, the same as in a notebook's outputs.
Everything that is read is validated, and nothing in it is executed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from textwrap import shorten
from typing import TYPE_CHECKING, Any, TextIO

from xinference_magics.chat.comparison import COMPARISON_MIME
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.turn import RECORD_MIME, Turn
from xinference_magics.errors import NotebookError
from xinference_magics.files import replacing
from xinference_magics.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
_NAME_CHARS = 40
"""Characters of a prompt by which a cell is named."""
_FIELDS = ("version", "name", "system", "turns")


def save(conversation: Conversation, path: Path) -> None:
    """Write a conversation as Markdown to read if the name ends in ``.md``, else as JSON to load.

    The file is written completely or not at all.

    Raises:
        NotebookError: The file cannot be written.
    """
    text = to_markdown(conversation) if path.suffix == ".md" else to_json(conversation)
    try:
        _replace(path, printable(text))
    except OSError as error:
        raise NotebookError(
            f"{path} cannot be written: {error.strerror}.", hint="The file was not changed."
        ) from error


def _replace(path: Path, text: str) -> None:
    """Replace a file, or what a link points to, at once; a new file has the usual permissions."""
    path = path.resolve()
    with replacing(path, _created) as file:
        file.write(text)
        if path.exists():
            shutil.copymode(path, file.name)


def _created(path: Path) -> TextIO:
    return path.open("x", encoding="utf-8")


def to_json(conversation: Conversation) -> str:
    """Return a conversation as JSON that `load` reads."""
    data = {
        **conversation.unknown,
        "version": VERSION,
        "name": conversation.name,
        "system": conversation.system,
        "turns": [turn.to_record() for turn in conversation.turns],
    }
    return json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n"


def to_markdown(conversation: Conversation) -> str:
    """Return a conversation as Markdown for people to read."""
    title = f"# {conversation.name or 'Conversation'}"
    system = [f"> {line}" for line in (conversation.system or "").splitlines()]
    parts = [title, "\n".join(system)]
    for turn in conversation.turns:
        parts += [f"## You\n\n{turn.prompt}", f"## {turn.model_uid}\n\n{turn.text}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def load(path: Path) -> Conversation:
    """Read a conversation that `save` wrote as JSON.

    Raises:
        NotebookError: The file cannot be read or isn't a conversation; the message says where.
    """
    data = _read_json(path)
    if data.get("version") != VERSION or not isinstance(data.get("turns"), list):
        raise NotebookError(f"{path} is not a conversation in a format this version can read.")
    system = data.get("system")
    conversation = Conversation(
        str(data.get("name") or ""),
        system if isinstance(system, str) else None,
        unknown={name: value for name, value in data.items() if name not in _FIELDS},
    )
    for number, record in enumerate(data["turns"], 1):
        try:
            conversation.add(Turn.from_record(record), Execution(-number))
        except NotebookError as error:
            raise NotebookError(f"{path}, turn {number}: {error.args[0]}") from error
    return conversation


@dataclass
class Restored:
    """The conversations found in a saved notebook.

    Attributes:
        conversations: By name, each with its turns in the order of the cells.
        invalid: What is wrong with the records that cannot be read, with the cell's number.
        lost: The beginnings of the prompts whose answers are not in the file.
    """

    conversations: dict[str, Conversation] = field(default_factory=dict)
    invalid: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @property
    def turns(self) -> int:
        """The number of turns."""
        return sum(map(len, self.conversations.values()))

    def take(self, turn: Turn, execution: Execution) -> None:
        """Add a turn, unless it belongs to no conversation or was already shown further up."""
        if turn.conversation is None or turn.id in self._seen:
            return
        self._seen.add(turn.id)
        name = turn.conversation
        self.conversations.setdefault(name, Conversation(name)).add(turn, execution)


def restore(path: Path, asking: tuple[str, ...] = ()) -> Restored:
    """Read the turns in a notebook's saved outputs.

    Args:
        path: The notebook.
        asking: Prefixes of cells that ask a model; those without a saved answer go to `lost`.

    Raises:
        NotebookError: The file cannot be read or isn't a notebook.
    """
    cells = _read_json(path).get("cells")
    if not isinstance(cells, list):
        raise NotebookError(f"{path} is not a notebook.")
    restored = Restored()
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            _take_cell(restored, number, cell, asking)
    return restored


def _take_cell(
    restored: Restored, number: int, cell: dict[str, Any], asking: tuple[str, ...]
) -> None:
    cell_id = cell.get("id")
    execution = Execution(-number, cell_id if isinstance(cell_id, str) else None)
    outputs = [each for each in _list(cell.get("outputs")) if isinstance(each, dict)]
    records = list(_records(outputs))
    for record in records:
        try:
            restored.take(Turn.from_record(record), execution)
        except NotebookError as error:
            restored.invalid.append(f"cell {number}: {error.args[0]}")
    source = _source(cell).lstrip()
    if source.startswith(asking) and not records and _had_answer(outputs):
        restored.lost.append(_beginning(source))


def _records(outputs: list[dict[str, Any]]) -> Iterator[object]:
    for output in outputs:
        data = output.get("data")
        if isinstance(data, dict) and RECORD_MIME in data:
            yield data[RECORD_MIME]
        elif isinstance(data, dict) and COMPARISON_MIME in data:
            yield from _compared(data[COMPARISON_MIME])


def _had_answer(outputs: list[dict[str, Any]]) -> bool:
    """Return whether a cell without records may have had an answer: it neither failed nor printed.

    Its outputs are a view of a running turn, or they were cleared.
    """
    kinds = {output.get("output_type") for output in outputs}
    return "error" not in kinds and kinds != {"stream"}


def _beginning(source: str) -> str:
    """Return the first words of a cell's prompt: what is below its first line, if anything is."""
    line, _, below = source.partition("\n")
    return shorten(below.strip() or line, _NAME_CHARS, placeholder=" …")


def _compared(record: object) -> list[object]:
    turns = record.get("turns") if isinstance(record, dict) else None
    return turns if isinstance(turns, list) else [record]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source")
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotebookError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise NotebookError(f"{path} is not JSON: {said}.") from error
    return data if isinstance(data, dict) else {}
