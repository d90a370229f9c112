"""The commands of ``%conversation``: what was said is shown, mended, kept and found again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from xinference_magics.chat import storage
from xinference_magics.chat.conversations import DEFAULT
from xinference_magics.display.amounts import counted
from xinference_magics.errors import NotebookError
from xinference_magics.notebook.arguments import Option, Values
from xinference_magics.notebook.catching_up import catch_up
from xinference_magics.notebook.commands.command import Command
from xinference_magics.notebook.commands.command_set import CommandSet
from xinference_magics.notebook.readers import count, not_empty
from xinference_magics.notebook.results.conversations import ConversationRows, TurnRows

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Callable
    from typing import Any

    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.session import Session

_MAGIC = "%conversation"


def list_conversations(session: Session, _arguments: Arguments) -> ConversationRows:
    """List the conversations."""
    rows = ConversationRows(session.conversations)
    rows.caption = f"Current: {_name(session.conversations.current)}."
    return rows


def show(session: Session, arguments: Arguments) -> TurnRows:
    """Show the turns of a conversation."""
    return _turns(_chosen(session, arguments))


def use(session: Session, arguments: Arguments) -> Conversation:
    """Make a conversation current; %%chat continues it."""
    return _current(session, session.conversations.switch(arguments.name))


def undo(session: Session, arguments: Arguments) -> TurnRows:
    """Drop the last turns."""
    conversation = _whole(session, arguments)
    dropped = conversation.undo(arguments.count)
    session.say(f"Dropped {counted(len(dropped), 'turn')}.")
    return _turns(conversation)


def drop(session: Session, arguments: Arguments) -> TurnRows:
    """Drop one turn."""
    conversation = _whole(session, arguments)
    conversation.drop(arguments.turn)
    session.say(f"Dropped turn {arguments.turn}.")
    return _turns(conversation)


def edit(session: Session, arguments: Arguments) -> Turn:
    """Edit a turn: its answer, or with ``--prompt`` its question."""
    if arguments.cell is None:
        raise NotebookError(
            "There is no new text.",
            hint="Type %%conversation edit TURN, and the new text below it.",
        )
    words = "prompt" if arguments.prompt else "answer"
    text = arguments.cell.strip("\n")
    conversation = _whole(session, arguments)
    return conversation.edit(arguments.turn, **{words: text})


def keep(session: Session, arguments: Arguments) -> None:
    """Continue with another answer from the last comparison."""
    if session.compared is None:
        raise NotebookError("Nothing has been compared yet.", hint="%%chat --compare UID,UID")
    session.compared.keep(arguments.name)
    conversation = session.compared.conversation
    where = "" if conversation is None else f" in {_name(conversation)}"
    session.say(f"Kept the answer of {arguments.name}{where}.")


def fork(session: Session, arguments: Arguments) -> Conversation:
    """Copy a conversation under another name and make the copy current."""
    original = _whole(session, arguments)
    return _current(session, session.conversations.fork(original, arguments.name))


def clear(session: Session, arguments: Arguments) -> None:
    """Drop all turns of a conversation."""
    conversation = _whole(session, arguments)
    dropped = len(conversation)
    conversation.clear()
    session.say(f"Dropped {counted(dropped, 'turn')} of {_name(conversation)}.")


def remove(session: Session, arguments: Arguments) -> None:
    """Delete a conversation and its turns."""
    conversation = session.conversations.find(arguments.name)
    catch_up(session, conversation.pending)
    session.conversations.drop(conversation)
    session.say(f"Removed {arguments.name}.")


def rename(session: Session, arguments: Arguments) -> None:
    """Rename a conversation."""
    conversation = _whole(session, arguments)
    before = _name(conversation)
    session.conversations.rename(conversation, arguments.name)
    session.say(f"{before} is now {arguments.name}.")


def system(session: Session, arguments: Arguments) -> None:
    """Set the standing system prompt of a conversation, or show it."""
    conversation = _chosen(session, arguments)
    given = arguments.text if arguments.cell is None else arguments.cell.strip("\n")
    if given is not None:
        conversation.system = given
    session.say(conversation.system or "There is no system prompt.")


def save(session: Session, arguments: Arguments) -> Path:
    """Save a conversation to a file: Markdown for ``.md``, else JSON."""
    conversation = _whole(session, arguments)
    path = Path(arguments.path).expanduser()
    storage.save(conversation, path)
    session.say(f"Saved {counted(len(conversation), 'turn')} to {path}.")
    return path


def load(session: Session, arguments: Arguments) -> Conversation:
    """Load a conversation saved as JSON, and make it current."""
    conversation = storage.load(Path(arguments.path).expanduser())
    if arguments.as_name is not None:
        conversation.name = "" if arguments.as_name == DEFAULT else arguments.as_name
    _catch_up_all(session)
    session.conversations.put(conversation)
    session.conversations.switch(conversation.name)
    return _current(session, conversation)


_ASKING = ("%%chat", "%chat", "%%xchat", "%xchat")
"""What cells that ask a model begin with."""


def restore(session: Session, arguments: Arguments) -> TurnRows:
    """Restore the turns from a notebook's saved outputs, such as after a kernel restart."""
    path = _notebook(arguments.path)
    restored = storage.restore(path, _ASKING)
    _catch_up_all(session)
    session.conversations.put_all(restored)
    session.say(
        f"Restored {counted(restored.turns, 'turn')} from {path.name}, as it was last saved."
    )
    for line in restored.lacking:
        session.say(f"Not restored: {line}.")
    return _turns(session.conversations.current)


def _notebook(path: str | None) -> Path:
    """Find the notebook: Jupyter Server names it in the kernel's environment."""
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
    """Say which conversation %%chat continues."""
    session.say(f"Current: {_name(conversation)}, {counted(len(conversation), 'turn')}.")
    return conversation


def _chosen(session: Session, arguments: Arguments) -> Conversation:
    return session.conversations.find(arguments.conversation)


def _whole(session: Session, arguments: Arguments) -> Conversation:
    """Find a conversation, and wait for what is still being answered."""
    conversation = _chosen(session, arguments)
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


_WHICH = Option(
    ("--conversation", "-c"),
    "Conversation (default: the current one).",
    metavar="NAME",
    values=Values.CONVERSATION,
)
_NAME = Option(
    ("name",),
    "Name of a conversation.",
    type=not_empty,
    required=True,
    values=Values.CONVERSATION,
)
_TURN = Option(("turn",), "Number of the turn, from 1.", type=count, required=True)
_PATH = Option(("path",), "Path of the file.", type=not_empty, required=True)


def _command(
    name: str, run: Callable[[Session, Arguments], Any], *taken: Option, cell: bool = False
) -> Command:
    summary = (run.__doc__ or "").split("\n")[0]
    return Command(name, summary, run, taken, magic=_MAGIC, takes_cell=cell)


_COMMANDS = (
    _command("list", list_conversations),
    _command("show", show, _WHICH),
    _command("use", use, _NAME),
    _command(
        "undo",
        undo,
        Option(("count",), "Number of turns (default: 1).", type=count, default=1),
        _WHICH,
    ),
    _command("drop", drop, _TURN, _WHICH),
    _command(
        "edit",
        edit,
        _TURN,
        Option(("--prompt",), "Change the question instead of the answer.", words=0),
        _WHICH,
        cell=True,
    ),
    _command(
        "keep",
        keep,
        Option(
            ("name",),
            "The model to keep, as named in --compare.",
            type=not_empty,
            required=True,
            values=Values.COMPARED,
        ),
    ),
    _command("fork", fork, _NAME, _WHICH),
    _command("clear", clear, _WHICH),
    _command("rename", rename, _NAME, _WHICH),
    _command("remove", remove, _NAME),
    _command(
        "system", system, Option(("text",), "The system prompt, in quotes."), _WHICH, cell=True
    ),
    _command("save", save, _PATH, _WHICH),
    _command("load", load, _PATH, Option(("--as",), "Name to give it here.", "as_name", "NAME")),
    _command("restore", restore, Option(("path",), "The notebook (default: this one).")),
)
COMMANDS = CommandSet(_MAGIC, {"": _COMMANDS}, "show")
"""Every command of ``%conversation``."""
