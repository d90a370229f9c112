"""The magics ``%xinference``, ``%%chat``, ``%%map`` and their like: delegation."""

from __future__ import annotations

from itertools import product
from keyword import iskeyword
from math import isnan
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakValueDictionary

from IPython.core.completer import context_matcher
from IPython.core.magic import (
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import TraitError, observe, validate
from traitlets.config import Config

from xinference_magics import interrupts
from xinference_magics.display import unconfirmed
from xinference_magics.notebook.bugs import bugs_in_one_line
from xinference_magics.notebook.cells import CellTracker
from xinference_magics.notebook.client_log import ClientLog
from xinference_magics.notebook.each_result import show
from xinference_magics.notebook.remedies import as_line
from xinference_magics.notebook.session.namespace import Namespace
from xinference_magics.notebook.session.session import Session
from xinference_magics.notebook.traits import MagicTraits
from xinference_magics.plain import neutralise
from xinference_magics.remedies import WORDS
from xinference_magics.transport.traces import forgotten

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

    from xinference_magics.notebook.chatting.run import Answer
    from xinference_magics.notebook.commands.command import CommandSet
    from xinference_magics.notebook.completion.completion import Completer
    from xinference_magics.notebook.session.connector import Settings


Magic = TypeVar("Magic", bound="Callable[..., Any]")

_SHARED_NAMES = {"chat": "xchat", "generate": "xinference generate", "map": "xinference map"}
"""Magics that other extensions may define too, and what to type instead if one does."""


def _say(text: str) -> None:
    """Show text to the user, neutralising server output that could steer a terminal."""
    print(neutralise(text))  # noqa: T201


def _explained_as(command: str) -> Callable[[Magic], Magic]:
    """Make ``?`` show the help of `command`, through the `getdoc` that IPython looks for."""

    def getdoc() -> str:
        from xinference_magics.notebook.commands import COMMANDS, conversing

        if command == "conversation":
            return conversing.COMMANDS.help()
        if command:
            return COMMANDS[command].parser(f"%%{command}").format_help()
        return COMMANDS.help()

    def explained(magic: Magic) -> Magic:
        vars(magic)["getdoc"] = getdoc
        return magic

    return explained


@magics_class
class XinferenceMagics(MagicTraits):
    """Xinference in the notebook; ``%config XinferenceMagics`` shows and sets these traits."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell) -> None:
        self._client_log = ClientLog("DEBUG")
        # These precede the traits, whose observers run as a configuration file is applied.
        self.cells = CellTracker(shell)
        ours = shell.meta.setdefault("xinference_magics", WeakValueDictionary())
        self.session = Session(
            cast("Settings", self),
            Namespace(shell.user_ns, ours),
            _say,
            lambda: self.cells.current,
        )
        self._shown: tuple[int, list[Any]] = (0, [])
        self._completer: Completer | None = None
        self._replaced: dict[tuple[str, str], Any] = {}
        super().__init__(shell, parent=shell, config=Config())
        self._configure(shell.config)

    def _configure(self, config: Config) -> None:
        """Apply the configured values one by one, so that a rejected one does not affect others.

        A rejected value is removed, because `%config` leaves it in `config` even if every object
        has rejected it.
        """
        for name, value in self._find_my_config(config).items():
            try:
                self.update_config(Config({type(self).__name__: {name: value}}))
            except TraitError as error:
                config[type(self).__name__].pop(name, None)
                stays = f"{name} stays {getattr(self, name)!r}"
                why = str(error).rstrip(".")
                _say(f"Ignored XinferenceMagics.{name} = {value!r} ({stays}): {why}.")

    @_explained_as("")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def xinference(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Manage models on an Xinference server: ``%xinference help`` lists the commands."""
        from xinference_magics.notebook.commands import COMMANDS
        from xinference_magics.notebook.commands.command import PromptCommand

        name, *rest = line.split(maxsplit=1) or [""]
        if isinstance(COMMANDS.get(name), PromptCommand):
            return self._ask(name, rest[0] if rest else "", cell, local_ns)
        return self._run(COMMANDS, line, cell, local_ns)

    @_explained_as("chat")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def chat(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Send the cell, or the rest of the line, to the model in use; ``%chat -h`` for options."""
        return self._ask("chat", line, cell, local_ns)

    @_explained_as("chat")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def xchat(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """The same as ``%%chat``, under a name that no other extension has."""
        return self._ask("chat", line, cell, local_ns)

    @_explained_as("generate")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def generate(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Let a model continue the cell, or the rest of the line; ``%generate -h`` for options."""
        return self._ask("generate", line, cell, local_ns)

    @_explained_as("map")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def map(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Ask the cell for each row of the data in its line; ``%map -h`` for options."""
        return self._ask("map", line, cell, local_ns)

    @_explained_as("image")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def image(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Let an image model paint the cell, or the rest of the line; ``%image -h`` for options."""
        return self._ask("image", line, cell, local_ns)

    @_explained_as("speech")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def speech(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Let a model speak the cell, or the rest of the line; ``%speech -h`` for options."""
        return self._ask("speech", line, cell, local_ns)

    @_explained_as("transcribe")
    @no_var_expand
    @needs_local_scope
    @line_magic
    @interrupts.as_one_line()
    def transcribe(self, line: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Write down what is said in a file or a value; ``%transcribe -h`` for options."""
        return self._ask("transcribe", line, None, local_ns)

    @_explained_as("ocr")
    @no_var_expand
    @needs_local_scope
    @line_magic
    @interrupts.as_one_line()
    def ocr(self, line: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Read the text in an image; ``%ocr -h`` for options."""
        return self._ask("ocr", line, None, local_ns)

    @_explained_as("infer")
    @no_var_expand
    @needs_local_scope
    @line_magic
    @interrupts.as_one_line()
    def infer(self, line: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Call a flexible model: ``%infer UID ARGUMENTS KEY=VALUE``."""
        from xinference_magics.notebook.commands import COMMANDS

        return self._run(COMMANDS, f"infer {line}", None, local_ns)

    @_explained_as("conversation")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    @interrupts.as_one_line()
    def conversation(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Manage conversations: ``%conversation help`` lists the commands."""
        from xinference_magics.notebook.commands.conversing import COMMANDS

        return self._run(COMMANDS, line, cell, local_ns)

    @bugs_in_one_line()
    def _run(
        self, commands: CommandSet, line: str, cell: str | None, local: dict[str, Any] | None
    ) -> Any:
        """Run a command."""
        from xinference_magics.notebook.command_line.tokenize import split_line

        words = split_line(line, commands.magic, {**self.shell.user_ns, **(local or {})})
        with forgotten(), self.session.connector.local_server_explained():
            value = commands.run(self.session, words, cell)
        if value is not None and words and getattr(commands[words[0]], "acts", False):
            self._note_shown(value)
        return value

    @bugs_in_one_line()
    def _ask(
        self, name: str, line: str, cell: str | None, local: dict[str, Any] | None
    ) -> Answer | None:
        """Run a prompt command, and record that this cell has shown its answer."""
        from xinference_magics.notebook.command_line.arguments import HelpRequested
        from xinference_magics.notebook.commands import COMMANDS
        from xinference_magics.notebook.commands.command import PromptCommand
        from xinference_magics.notebook.shell_cell import running_cell

        command = COMMANDS[name]
        assert isinstance(command, PromptCommand)  # noqa: S101 - chat and generate are
        try:
            with forgotten(), self.session.connector.local_server_explained():
                context = running_cell(self.shell, self.session, self.cells.current, local)
                answer: Answer | None = command(context, line, cell)
        except HelpRequested as requested:
            _say(str(requested).rstrip())
            return None
        self.session.connector.changes += 1
        shown = command.acts and getattr(answer, "in_page", True)
        if answer is None or not shown:  # its repr is shown instead
            return answer
        self._note_shown(answer)
        return answer

    def _note_shown(self, value: Any) -> None:
        """Record what this cell has already shown, so that it is not shown again as its value."""
        number, shown = self._shown
        now = self.cells.current.number
        self._shown = (now, [*shown, value] if number == now else [value])

    @context_matcher(identifier="xinference_magics")  # type: ignore[untyped-decorator]
    def complete(self, context: CompletionContext) -> Any:
        """Complete the text after one of our magics (an IPython matcher)."""
        if "%" not in context.full_text:
            return {"completions": [], "suppress": False}
        from xinference_magics.notebook.completion import completion

        if self._completer is None:
            self._completer = completion.Completer(self.session)
        magic, line = completion.line_at(context)
        mine = magic and self.is_mine("line", magic)
        return completion.results(self._completer.complete(magic, line) if mine else None)

    def pre_run_cell(self, info: ExecutionInfo) -> None:
        """Record which cell starts and which were deleted (the IPython event of that name)."""
        before = self.cells.current
        self.cells.pre_run_cell(info)
        deleted = self.cells.deleted_cells()
        if self.cells.current is not before:
            self._say_what_is_missing(deleted)
        self.session.background.discard(self.cells.current, deleted)
        self.session.conversations.forget_cells(deleted)
        self.session.runs.discard(deleted)

    def _say_what_is_missing(self, deleted: list[str]) -> None:
        """Tell the user about answers and launches that no page has confirmed to show."""
        unconfirmed.close_of({self.cells.current.cell_id or "", *deleted})
        for each in unconfirmed.untold(self.cells.sent()):
            what, how = (
                ("answer", "conversation show") if each.is_answer else ("end", "xinference list")
            )
            _say(f"The {what} of {each.title} came while the page was reloaded or closed: %{how}")

    def show_result(self, value: Any) -> Any:
        """Show the value of a magic in the middle of a cell, as `EachResult` makes it do."""
        return None if self.has_shown(value) else show(value, self.shell.ast_node_interactivity)

    def has_shown(self, value: Any) -> bool:
        """Return whether this execution of a cell has already shown a value."""
        number, shown = self._shown
        return number == self.cells.current.number and any(value is each for each in shown)

    def show_once(self, value: Any) -> None:
        """Suppress a value in the execution that has already shown it (IPython's display hook).

        Raises:
            NotImplementedError: This execution has not shown it; IPython then shows the value.
        """
        if not self.has_shown(value):
            raise NotImplementedError

    def install(self) -> None:
        """Register the magics, leaving shared names to another extension that has them."""
        self.shell.magics_manager.registry[type(self).__name__] = self
        self._client_log.install()
        self.shell.meta[WORDS] = as_line
        for kind in ("line", "cell"):
            for name in self.magics[kind]:
                self._take(kind, name)

    def uninstall(self) -> None:
        """Remove the magics that are still ours, and restore what they replaced."""
        for kind, names in self.magics.items():
            for name in names:
                self._give_back(kind, name)
        self.shell.magics_manager.registry.pop(type(self).__name__, None)
        self.shell.configurables.remove(cast("Any", self))  # typed for shells only
        self.session.background.stop()
        self.session.runs.stop()
        self.session.connector.disconnect()
        self._client_log.remove()
        self.shell.meta.pop(WORDS, None)

    def is_mine(self, kind: str, name: str) -> bool:
        """Return whether a magic of that name is ours."""
        own = self.magics[kind].get(name)
        return own is not None and bool(self.shell.magics_manager.magics[kind].get(name) == own)

    def _give_back(self, kind: str, name: str, *, only_replaced: bool = False) -> None:
        """Restore what one of our magics replaced, if ours is still registered."""
        if not self.is_mine(kind, name):
            return
        table = self.shell.magics_manager.magics[kind]
        replaced = self._replaced.pop((kind, name), None)
        if replaced is not None:
            table[name] = replaced
        elif not only_replaced:
            del table[name]

    def _take(self, kind: str, name: str) -> None:
        table = self.shell.magics_manager.magics[kind]
        present = table.get(name)
        if present is not None and name in _SHARED_NAMES and not self.override_chat:
            sign = "%" if kind == "line" else "%%"
            _say(
                f"{sign}{name} belongs to another extension and was left alone: use "
                f"{sign}{_SHARED_NAMES[name]}, or %config XinferenceMagics.override_chat = True"
            )
            return
        if present is not None and present != self.magics[kind][name]:
            self._replaced[kind, name] = present
        table[name] = self.magics[kind][name]

    @observe("override_chat")
    def _override_chat(self, change: dict[str, Any]) -> None:
        if type(self).__name__ not in self.shell.magics_manager.registry:
            return
        for kind, name in product(("line", "cell"), _SHARED_NAMES):
            if change["new"]:
                self._take(kind, name)
            else:
                self._give_back(kind, name, only_replaced=True)

    @observe("log_level")
    def _log_from(self, change: dict[str, Any]) -> None:
        self._client_log.setLevel(change["new"])

    @observe("endpoint")
    def _move(self, _change: dict[str, Any]) -> None:
        """Drop the connection, so that the next command connects to the new endpoint."""
        self.session.connector.leave()

    @observe("temperature", "top_p", "seed", "max_tokens")
    def _adjust(self, change: dict[str, Any]) -> None:
        """Apply a new default to the models in use, too."""
        self.session.adjust(change["name"])

    @validate("connect_timeout", "read_timeout")
    def _check_timeout(self, proposal: dict[str, Any]) -> float:
        seconds: float = proposal["value"]
        if isnan(seconds):  # the traits' bounds do not exclude it
            raise TraitError("A timeout must be a number of seconds.")
        return seconds

    @validate("name")
    def _check_name(self, proposal: dict[str, Any]) -> str:
        name: str = proposal["value"]
        if not name.isidentifier() or iskeyword(name):
            raise TraitError(f"{name!r} is not a valid variable name")
        return name
