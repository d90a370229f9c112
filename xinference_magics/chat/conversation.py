"""A conversation: turns in order, each belonging to the cell that made it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from xinference_magics.chat.learnt import Lessons
from xinference_magics.errors import NotebookError
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Collection

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.pending import PendingTurn
    from xinference_magics.chat.turn import Turn
    from xinference_magics.chat_models import ChatXinference


def new_thread() -> str:
    """Return a unique id under which an agent stores its state of one conversation."""
    return uuid4().hex[:12]


@dataclass(frozen=True)
class Execution:
    """One run of one cell.

    Attributes:
        number: Distinguishes the runs within a kernel.
        cell_id: The cell's own id, if the frontend sends one (JupyterLab does, nbclient and
            terminals do not).
    """

    number: int
    cell_id: str | None = None

    def reruns(self, other: Execution) -> bool:
        """Whether this run replaces the turns of `other`."""
        return (
            self.cell_id is not None
            and self.cell_id == other.cell_id
            and self.number > other.number  # a turn may end after its cell has run again
        )


class Host(Protocol):
    """What a conversation needs to know about the notebook it belongs to."""

    @property
    def system(self) -> str:
        """The system prompt of conversations that have none of their own."""
        ...

    @property
    def server_version(self) -> str | None:
        """The version of the server, if known."""
        ...

    @property
    def lessons(self) -> Lessons:
        """What has been learnt about the models asked."""
        ...

    def model_in_use(self) -> ChatXinference:
        """Return the model to ask if none is given."""
        ...

    def execution(self) -> Execution:
        """Return the cell run in progress."""
        ...


@dataclass(repr=False)
class Conversation:
    """An ordered list of turns in which re-running a cell replaces that cell's turns.

    A cell keeps its place: it sees only the turns before it, and later turns stay. Background
    turns are added from their own threads.

    Attributes:
        name: Its name; empty for the default conversation.
        system: Its own system prompt; None leaves it to the notebook's setting.
        host: The notebook it belongs to; None for one that was read from a file.
        thread: The id under which an agent's checkpointer stores the state of this conversation.
        unknown: Extra fields from a file of a later version; saved again unchanged.
    """

    name: str = ""
    system: str | None = None
    host: Host | None = field(default=None, compare=False)
    thread: str = field(default_factory=new_thread, compare=False, kw_only=True)
    unknown: dict[str, Any] = field(default_factory=dict, compare=False, kw_only=True)
    _entries: list[tuple[Execution, Turn]] = field(default_factory=list)
    _pending: list[tuple[Execution, PendingTurn]] = field(default_factory=list, compare=False)
    _changing: threading.Lock = field(default_factory=threading.Lock, compare=False)
    _lessons: Lessons = field(default_factory=Lessons, compare=False)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def system_prompt(self) -> str:
        """The system prompt that applies: its own, or the notebook's."""
        if self.system is not None:
            return self.system
        return self.host.system if self.host else ""

    def __repr__(self) -> str:
        count = len(self)
        return f"Conversation({self.name!r}, {count} turn{'' if count == 1 else 's'})"

    @property
    def turns(self) -> list[Turn]:
        """The turns in order."""
        # Changes swap in a new list or a new entry, so this reads a whole state without the lock.
        return [turn for _, turn in self._entries]

    @property
    def messages(self) -> list[BaseMessage]:
        """All turns as LangChain messages."""
        return [message for turn in self.turns for message in turn.messages]

    def before(self, execution: Execution) -> list[Turn]:
        """Return the turns that `execution` continues, including its own earlier ones."""
        with self._changing:
            return self.turns[: self._place(execution)]

    @property
    def pending(self) -> list[PendingTurn]:
        """The turns that are still being answered in the background."""
        with self._changing:
            return [each for _, each in self._unfinished()]

    def expect(self, turn: PendingTurn, execution: Execution) -> None:
        """Register a turn that is being answered in the background."""
        with self._changing:
            self._pending = [*self._unfinished(), (execution, turn)]

    def awaited(self, execution: Execution) -> list[PendingTurn]:
        """Return the pending turns that `execution` continues, so must wait for."""
        with self._changing:
            place = self._place(execution)
            return [each for run, each in self._unfinished() if self._place(run) <= place]

    def add(self, turn: Turn, execution: Execution, *, starts_over: bool = False) -> None:
        """Add a turn, dropping those left by an earlier run of the same cell.

        Args:
            turn: The turn.
            execution: The cell run it belongs to.
            starts_over: Start the conversation here: drop the turns before it, too.
        """
        with self._changing:
            place = self._place(execution)
            kept = [
                not (execution.reruns(run) or (starts_over and index < place))
                for index, (run, _) in enumerate(self._entries)
            ]
            entries = [entry for entry, keep in zip(self._entries, kept, strict=True) if keep]
            entries.insert(sum(kept[:place]), (execution, turn))
            self._entries = entries

    def forget_cells(self, cell_ids: Collection[str]) -> None:
        """Drop the turns of cells that are no longer in the notebook."""
        with self._changing:
            self._entries = [entry for entry in self._entries if entry[0].cell_id not in cell_ids]

    def turn(self, number: int) -> Turn:
        """Return a turn.

        Args:
            number: Counted from 1.

        Raises:
            NotebookError: There is no such turn.
        """
        with self._changing:
            self._check(number)
            return self._entries[number - 1][1]

    def undo(self, count: int = 1) -> list[Turn]:
        """Drop the last `count` turns and return them."""
        with self._changing:
            left = max(0, len(self._entries) - max(0, count))
            self._entries, dropped = self._entries[:left], self._entries[left:]
        return [turn for _, turn in dropped]

    def drop(self, number: int) -> Turn:
        """Drop a turn and return it.

        Args:
            number: Counted from 1.

        Raises:
            NotebookError: There is no such turn.
        """
        with self._changing:
            self._check(number)
            dropped = self._entries[number - 1]
            self._entries = [entry for entry in self._entries if entry is not dropped]
        return dropped[1]

    def edit(self, number: int, *, prompt: str | None = None, answer: str | None = None) -> Turn:
        """Edit a turn and return the new version.

        Args:
            number: Counted from 1.
            prompt: The new question; None leaves it unchanged.
            answer: The new answer; None leaves it unchanged.

        Raises:
            NotebookError: There is no such turn.
        """
        with self._changing:
            self._check(number)
            execution, turn = self._entries[number - 1]
            edited = turn.edited(prompt=prompt, answer=answer)
            self._entries[number - 1] = (execution, edited)
        return edited

    def replace(self, turn: Turn, other: Turn) -> None:
        """Replace `turn` with `other`.

        Raises:
            NotebookError: `turn` is not in the conversation.
        """
        with self._changing:
            for index, (execution, each) in enumerate(self._entries):
                if each is turn:
                    self._entries[index] = (execution, other)
                    return
        raise NotebookError(
            "The turn to replace is no longer in the conversation.", hint="Run its cell again."
        )

    def clear(self) -> None:
        """Drop all turns."""
        with self._changing:
            self._entries = []

    def fork(self, name: str) -> Conversation:
        """Return a copy with the turns so far, named `name`."""
        with self._changing:
            entries = list(self._entries)
            return Conversation(name, self.system, self.host, entries, unknown=self.unknown)

    def ask(
        self, prompt: str, *, model: ChatXinference | None = None, **parameters: object
    ) -> Turn:
        """Ask a question that continues this conversation; add the turn and return it.

        Args:
            prompt: What to ask.
            model: The model to ask; the one in use if None.
            parameters: Generation parameters, such as `temperature`.

        Raises:
            XinferenceError: The turn failed; a partial answer stays in the conversation.
            KeyboardInterrupt: It was interrupted; a partial answer stays in the conversation.
        """
        from xinference_magics.chat import answering

        return answering.ask(self, prompt, self._chosen(model), parameters)

    async def aask(
        self, prompt: str, *, model: ChatXinference | None = None, **parameters: object
    ) -> Turn:
        """Ask like `ask`, on the running event loop."""
        from xinference_magics.chat import answering

        return await answering.aask(self, prompt, self._chosen(model), parameters)

    @property
    def lessons(self) -> Lessons:
        """What has been learnt about models, shared by all conversations of a notebook."""
        return self.host.lessons if self.host else self._lessons

    @property
    def execution(self) -> Execution:
        """The cell run in progress."""
        return self.host.execution() if self.host else Execution(0)

    def _chosen(self, model: ChatXinference | None) -> ChatXinference:
        if model is not None:
            return model
        if self.host is None:
            raise NotebookError(
                "This conversation has no model.", hint="Pass one: ask(..., model=llm)"
            )
        return self.host.model_in_use()

    def _unfinished(self) -> list[tuple[Execution, PendingTurn]]:
        return [(run, each) for run, each in self._pending if not each.done]

    def _check(self, number: int) -> None:
        if not 1 <= number <= len(self):
            raise NotebookError(
                f"There is no turn {number} in the conversation.",
                hint=Remedy.SHOW_TURNS(count=len(self)),
            )

    def _place(self, execution: Execution) -> int:
        """Return the index for the next turn of `execution`.

        It goes after the run's own turns, else where the cell's earlier turns were, else last.
        """
        runs = [run for run, _ in self._entries]
        own = [index for index, run in enumerate(runs) if run == execution]
        if own:
            return own[-1] + 1
        replaced = [index for index, run in enumerate(runs) if execution.reruns(run)]
        return replaced[0] if replaced else len(runs)
