"""``%xinference``, ``%%chat`` and ``%chat``: traits, and delegation to what does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, Float, Int, Unicode, observe

from xinference_magics.notebook.cells import CellTracker
from xinference_magics.notebook.namespace import Namespace
from xinference_magics.notebook.session import Session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.session import Settings


@magics_class
class XinferenceMagics(Magics):
    """Xinference in the notebook; ``%config XinferenceMagics`` shows and sets what follows."""

    shell: InteractiveShell

    endpoint = Unicode(
        "", help="Xinference to connect to; empty for $XINFERENCE_ENDPOINT or this machine's."
    ).tag(config=True)
    name = Unicode("llm", help="Name of the ready-made LangChain object.").tag(config=True)
    system = Unicode("", help="System prompt of every turn that names none.").tag(config=True)
    temperature = Float(
        None, allow_none=True, help="Default temperature; None leaves it to the server."
    ).tag(config=True)
    top_p = Float(None, allow_none=True, help="Default top_p; None leaves it to the server.").tag(
        config=True
    )
    seed = Int(None, allow_none=True, help="Default seed; the transformers engine has none.").tag(
        config=True
    )
    max_tokens = Int(
        2048, allow_none=True, help="Longest answer in tokens, at most half of the model's context."
    ).tag(config=True)
    connect_timeout = Float(5.0, help="Seconds until a connection must stand.").tag(config=True)
    read_timeout = Float(
        600.0, help="Longest silence of a model in seconds, before its first token too."
    ).tag(config=True)
    frame_rate = Int(30, min=1, max=60, help="Repaints a second while an answer streams.").tag(
        config=True
    )
    server_command = Unicode(
        "", help="The command that starts a server here; empty looks for xinference-local."
    ).tag(config=True)
    override_chat = Bool(
        default_value=False, help="Take %%chat over from another extension that has it."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell, parent=shell)
        self.cells = CellTracker(shell)
        self.session = Session(cast("Settings", self), Namespace(shell.user_ns), print)
        self._shown: tuple[int, Turn] | None = None
        self._replaced: dict[tuple[str, str], Any] = {}

    @no_var_expand
    @needs_local_scope
    @line_magic
    def xinference(self, line: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Manage models on an Xinference server: ``%xinference help`` lists the commands."""
        from xinference_magics.notebook import commands
        from xinference_magics.notebook.arguments import split_line
        from xinference_magics.notebook.prompt import expand_words

        words = split_line(line, "%xinference")
        words = expand_words(words, self.shell.user_ns, local_ns)
        return commands.run(self.session, words)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def chat(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Turn | None:
        """Send the cell, or the rest of the line, to the model in use; ``%chat -h`` for options."""
        return self._chat(line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def xchat(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Turn | None:
        """The same as ``%%chat``, under a name that no other extension has."""
        return self._chat(line, cell, local_ns)

    def _chat(self, line: str, cell: str | None, local_ns: dict[str, Any] | None) -> Turn | None:
        from xinference_magics.notebook import chatting
        from xinference_magics.notebook.arguments import HelpRequested

        self.session.conversation.forget_cells(self.cells.deleted_cells())
        try:
            turn = chatting.chat(self, line, cell, local_ns)
        except HelpRequested as requested:
            print(requested)  # noqa: T201
            return None
        self._shown = (self.cells.current.number, turn)
        return turn

    def show_once(self, turn: Turn) -> None:
        """Show nothing for a turn in the execution that streamed it (IPython's display hook).

        Raises:
            NotImplementedError: It is another execution; IPython then asks `show_later`.
        """
        if self._shown is None or self._shown[0] != self.cells.current.number:
            raise NotImplementedError
        if self._shown[1] is not turn:
            raise NotImplementedError
        if getattr(self.shell, "kernel", None) is None:
            print(repr(turn))  # noqa: T201 - a terminal has printed "Out[n]:" already

    def show_later(self, turn: Turn) -> dict[str, Any]:
        """Show a settled turn (IPython's mimebundle formatter)."""
        from xinference_magics.display.settled import bundle

        return bundle(turn)

    def install(self) -> None:
        """Register the magics, leaving ``chat`` to another extension that has it."""
        self.shell.magics_manager.registry[type(self).__name__] = self
        for kind in ("line", "cell"):
            for name in self.magics[kind]:
                self._take(kind, name)

    def uninstall(self) -> None:
        """Take the magics away where they are still ours, and put back what they replaced."""
        for kind, names in self.magics.items():
            table = self.shell.magics_manager.magics[kind]
            for name in names:
                if table.get(name) != self.magics[kind][name]:
                    continue
                replaced = self._replaced.pop((kind, name), None)
                if replaced is None:
                    del table[name]
                else:
                    table[name] = replaced
        self.shell.magics_manager.registry.pop(type(self).__name__, None)
        self.shell.configurables.remove(cast("Any", self))  # typed for shells only
        self.session.close()

    def _take(self, kind: str, name: str) -> None:
        table = self.shell.magics_manager.magics[kind]
        present = table.get(name)
        if present is not None and name == "chat" and not self.override_chat:
            if kind == "cell":
                print(  # noqa: T201
                    "%%chat belongs to another extension and stays so: use %%xchat, or "
                    "%config XinferenceMagics.override_chat = True"
                )
            return
        if present is not None and present != self.magics[kind][name]:
            self._replaced[kind, name] = present
        table[name] = self.magics[kind][name]

    @observe("override_chat")
    def _override_chat(self, change: dict[str, Any]) -> None:
        installed = type(self).__name__ in self.shell.magics_manager.registry
        if change["new"] and installed:
            for kind in ("line", "cell"):
                self._take(kind, "chat")
