"""The commands of ``%conversation``: show, edit, save and restore conversations."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from xinference_magics.chat import storage
from xinference_magics.chat.conversations import DEFAULT
from xinference_magics.display.amounts import counted
from xinference_magics.errors import NotebookError, XinferenceError
from xinference_magics.notebook.command_line.option import NoOptions, Option, Values, given
from xinference_magics.notebook.command_line.readers import count, not_empty
from xinference_magics.notebook.commands.command import CellOptions, Command, CommandSet
from xinference_magics.notebook.results.conversations import ConversationRows, TurnRows
from xinference_magics.notebook.session.namespace import CHAT
from xinference_magics.notebook.session.session import catch_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.storage import Restored
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.session.session import Session

_MAGIC = "%conversation"

Options = TypeVar("Options")

_NAME = Option(
    ("name",),
    help="Name of a conversation.",
    type=not_empty,
    required=True,
    values=Values.CONVERSATION,
)
_TURN = Option(("turn",), help="Number of the turn, from 1.", type=count, required=True)
_PATH = Option(("path",), help="Path of the file.", type=not_empty, required=True)


@dataclass(frozen=True, kw_only=True)
class WhichOptions:
    """The options of a command about one conversation."""

    conversation: str | None = given(
        Option(
            ("--conversation", "-c"),
            help="Conversation (default: the current one).",
            metavar="NAME",
            values=Values.CONVERSATION,
        )
    )


@dataclass(frozen=True, kw_only=True)
class NameOptions:
    """The options of a command that takes the name of a conversation."""

    name: str = given(_NAME)


@dataclass(frozen=True, kw_only=True)
class NewNameOptions(WhichOptions):
    """The options of a command that gives a conversation, or its copy, a name."""

    name: str = given(_NAME)


def list_conversations(session: Session, _options: NoOptions) -> ConversationRows:
    """List the conversations."""
    rows = ConversationRows(session.conversations)
    rows.caption = f"Current: {_name(session.conversations.current)}."
    return rows


def show(session: Session, options: WhichOptions) -> TurnRows:
    """Show the turns of a conversation."""
    return _turns(_chosen(session, options))


def use(session: Session, options: NameOptions) -> Conversation:
    """Make a conversation current; %%chat continues it."""
    if new := session.conversations.announced(options.name):
        session.say(new)
    return _current(session, session.conversations.switch(options.name))


@dataclass(frozen=True, kw_only=True)
class UndoOptions(WhichOptions):
    """The options of ``%conversation undo``."""

    count: int = given(
        Option(("count",), help="Number of turns (default: 1).", type=count, default=1)
    )


def undo(session: Session, options: UndoOptions) -> TurnRows:
    """Drop the last turns."""
    conversation = _whole(session, options)
    dropped = conversation.undo(options.count)
    session.say(f"Dropped {counted(len(dropped), 'turn')}.")
    return _turns(conversation)


@dataclass(frozen=True, kw_only=True)
class DropOptions(WhichOptions):
    """The options of ``%conversation drop``."""

    turn: int = given(_TURN)


def drop(session: Session, options: DropOptions) -> TurnRows:
    """Drop one turn."""
    conversation = _whole(session, options)
    conversation.drop(options.turn)
    session.say(f"Dropped turn {options.turn}.")
    return _turns(conversation)


@dataclass(frozen=True, kw_only=True)
class EditOptions(WhichOptions, CellOptions):
    """The options of ``%conversation edit``."""

    turn: int = given(_TURN)
    prompt: bool | None = given(
        Option(("--prompt",), help="Change the question instead of the answer.", words=0)
    )


def edit(session: Session, options: EditOptions) -> Turn:
    """Edit a turn: its answer, or with ``--prompt`` its question."""
    text = (options.cell or "").strip("\n")
    if not text.strip():
        raise NotebookError(
            "There is no new text.",
            hint="Type %%conversation edit TURN, and the new text below it.",
        )
    words = "prompt" if options.prompt else "answer"
    conversation = _whole(session, options)
    return conversation.edit(options.turn, **{words: text})


@dataclass(frozen=True, kw_only=True)
class KeepOptions:
    """The options of ``%conversation keep``."""

    name: str = given(
        Option(
            ("name",),
            help="The model to keep, as named in --compare.",
            type=not_empty,
            required=True,
            values=Values.COMPARED,
        )
    )


def keep(session: Session, options: KeepOptions) -> None:
    """Continue with another answer from the last comparison."""
    if session.compared is None:
        raise NotebookError("Nothing has been compared yet.", hint="%%chat --compare UID,UID")
    session.compared.keep(options.name)
    conversation = session.compared.conversation
    where = "" if conversation is None else f" in {_name(conversation)}"
    session.say(f"Kept the answer of {session.compared.kept_name}{where}.")


@dataclass(frozen=True, kw_only=True)
class CopyOptions(WhichOptions):
    """The options of ``%conversation copy``."""

    turn: int | None = given(
        Option(("turn",), help="Number of the turn, from 1 (default: the last).", type=count)
    )


def copy(session: Session, options: CopyOptions) -> None:
    """Print an answer as it was written, in Markdown, to copy it."""
    conversation = _whole(session, options)
    turn = conversation.turn(options.turn or len(conversation))
    session.say(turn.text or json.dumps(turn.parsed_json, ensure_ascii=False, indent=2))


def fork(session: Session, options: NewNameOptions) -> Conversation:
    """Copy a conversation under another name and make the copy current."""
    original = _whole(session, options)
    return _current(session, session.conversations.fork(original, options.name))


def clear(session: Session, options: WhichOptions) -> None:
    """Drop all turns of a conversation."""
    conversation = _whole(session, options)
    dropped = len(conversation)
    conversation.clear()
    session.say(f"Dropped {counted(dropped, 'turn')} of {_name(conversation)}.")


def remove(session: Session, options: NameOptions) -> None:
    """Delete a conversation and its turns."""
    conversation = session.conversations.find(options.name)
    catch_up(session, conversation.pending)
    session.conversations.drop(conversation)
    session.say(f"Removed {options.name}.")


def rename(session: Session, options: NewNameOptions) -> None:
    """Rename a conversation."""
    conversation = _whole(session, options)
    before = _name(conversation)
    session.conversations.rename(conversation, options.name)
    session.say(f"{before} is now {options.name}.")


@dataclass(frozen=True, kw_only=True)
class SystemOptions(WhichOptions, CellOptions):
    """The options of ``%conversation system``."""

    text: str | None = given(Option(("text",), help="The system prompt, in quotes."))


def system(session: Session, options: SystemOptions) -> None:
    """Set or show a conversation's system prompt."""
    conversation = _chosen(session, options)
    given = options.text if options.cell is None else options.cell.strip("\n")
    if given is not None:
        conversation.system = given
    session.say(conversation.system or "There is no system prompt.")


@dataclass(frozen=True, kw_only=True)
class SaveOptions(WhichOptions):
    """The options of ``%conversation save``."""

    path: str = given(_PATH)


def save(session: Session, options: SaveOptions) -> Path:
    """Save a conversation to a file: Markdown for ``.md``, else JSON."""
    conversation = _whole(session, options)
    path = Path(options.path).expanduser()
    storage.save(conversation, path)
    session.say(f"Saved {counted(len(conversation), 'turn')} to {path}.")
    return path


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """The options of ``%conversation load``."""

    path: str = given(_PATH)
    as_name: str | None = given(Option(("--as",), help="Name to give it here.", metavar="NAME"))


def load(session: Session, options: LoadOptions) -> Conversation:
    """Load a conversation saved as JSON, and make it current."""
    conversation = storage.load(Path(options.path).expanduser())
    if options.as_name is not None:
        conversation.name = "" if options.as_name == DEFAULT else options.as_name
    _catch_up_all(session)
    session.conversations.put(conversation)
    session.conversations.switch(conversation.name)
    return _current(session, conversation)


_NAMED = 5
"""How many prompts without an answer are named."""
_ASKING = ("%%chat", "%chat", "%%xchat", "%xchat")
"""Prefixes of the cells that ask a model."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """The options of ``%conversation restore``."""

    path: str | None = given(Option(("path",), help="The notebook (default: this one)."))


def restore(session: Session, options: RestoreOptions) -> TurnRows:
    """Restore the turns, and the model, from a notebook's saved outputs: after a restart."""
    path = _notebook(options.path)
    restored = storage.restore(path, _ASKING)
    _catch_up_all(session)
    session.conversations.put_all(restored)
    session.say(
        f"Restored {counted(restored.turns, 'turn')} from {path.name}, as it was last saved."
    )
    for said in _lacking(restored):
        session.say(f"Not restored: {said}")
    _use_again(session, session.conversations.current)
    return _turns(session.conversations.current)


def _use_again(session: Session, conversation: Conversation) -> None:
    """Use the model that answered last, unless the notebook already uses one."""
    if session.model is not None or not conversation.turns:
        return
    uid = conversation.turns[-1].model_uid
    try:
        running = session.connector.get_or_connect().describe(uid)
        can = CHAT.fits(running)
        session.say(session.use(running).said if can else f"{uid} can no longer chat.")
    except XinferenceError as error:
        session.say(f"Not restored: the model in use. {error}")


def _lacking(restored: Restored) -> Iterator[str]:
    """Yield a sentence for each reason why turns are missing."""
    yield from restored.invalid
    if restored.lost:
        named = ", ".join(f'"{each}"' for each in restored.lost[:_NAMED])
        more = f" and {len(restored.lost) - _NAMED} more" if len(restored.lost) > _NAMED else ""
        yield f"no answer is saved for {named}{more}."


def _notebook(path: str | None) -> Path:
    """Find the notebook file: Jupyter Server names it in the kernel's environment."""
    if path is not None:
        return Path(path).expanduser()
    session_name = os.environ.get("JPY_SESSION_NAME", "")
    if session_name.endswith(".ipynb"):
        return Path(session_name)
    raise NotebookError(
        "The kernel does not know which notebook this is.",
        hint="Name it: %conversation restore PATH",
    )


def _current(session: Session, conversation: Conversation) -> Conversation:
    """Print which conversation %%chat continues, and return it."""
    session.say(f"Current: {_name(conversation)}, {counted(len(conversation), 'turn')}.")
    return conversation


def _chosen(session: Session, options: WhichOptions) -> Conversation:
    return session.conversations.find(options.conversation)


def _whole(session: Session, options: WhichOptions) -> Conversation:
    """Find a conversation, waiting for its turns that are still being answered."""
    conversation = _chosen(session, options)
    catch_up(session, conversation.pending)
    return conversation


def _catch_up_all(session: Session) -> None:
    for each in session.conversations:
        catch_up(session, each.pending)


def _turns(conversation: Conversation) -> TurnRows:
    rows = TurnRows(conversation.turns)
    rows.caption = f"Conversation {_name(conversation)}."
    rows.pending = len(conversation.pending)
    return rows


def _name(conversation: Conversation) -> str:
    return conversation.name or DEFAULT


def _command(
    run: Callable[[Session, Options], Any],
    takes: type[Options],
    name: str = "",
    *,
    acts: bool = False,
) -> Command[Options]:
    summary = (run.__doc__ or "").split("\n")[0].replace("``", "")
    return Command(name or run.__name__, summary, run, takes, magic=_MAGIC, acts=acts)


_COMMANDS: tuple[Command[Any], ...] = (
    _command(list_conversations, NoOptions, "list"),
    _command(show, WhichOptions),
    _command(use, NameOptions, acts=True),
    _command(undo, UndoOptions),
    _command(drop, DropOptions),
    _command(edit, EditOptions),
    _command(keep, KeepOptions),
    _command(copy, CopyOptions),
    _command(fork, NewNameOptions, acts=True),
    _command(clear, WhichOptions),
    _command(rename, NewNameOptions),
    _command(remove, NameOptions),
    _command(system, SystemOptions),
    _command(save, SaveOptions),
    _command(load, LoadOptions, acts=True),
    _command(restore, RestoreOptions),
)
COMMANDS = CommandSet(_MAGIC, {"": _COMMANDS}, "show")
"""Every command of ``%conversation``."""
