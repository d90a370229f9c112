"""State shared by the magics of a notebook: connection, models in use, conversations."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.background import Background
from xinference_magics.chat.conversation import Execution
from xinference_magics.chat.conversations import Conversations
from xinference_magics.chat.learnt import Lessons
from xinference_magics.errors import NotebookError
from xinference_magics.notebook.session.connector import Connector, described, for_objects
from xinference_magics.notebook.session.namespace import CHAT, KINDS, InUse, kind_of
from xinference_magics.notebook.session.runs import Runs
from xinference_magics.plain import as_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.pending import PendingTurn
    from xinference_magics.chat_models import ChatXinference
    from xinference_magics.cluster.launching.reuse import LaunchHistory
    from xinference_magics.cluster.models import RequestContext, RunningModel
    from xinference_magics.data.store import AnswerStore
    from xinference_magics.notebook.results.connection import Connection
    from xinference_magics.notebook.session.connector import Settings
    from xinference_magics.notebook.session.namespace import Kind, Namespace


class Session:
    """The state behind the magics.

    Args:
        settings: The traits of the magics.
        namespace: Where ready-made objects go.
        say: Shows one line to the user.
        execution: Returns the current execution of a cell.

    Attributes:
        connector: The notebook's connection.
        in_use: The models that the magics ask, by kind.
        hinted: Whether the user has been told that single braces insert nothing.
        compared: The last comparison.
        runs: The runs over data.
        lessons: What was learnt about models from their answers and refusals.
    """

    def __init__(
        self,
        settings: Settings,
        namespace: Namespace,
        say: Callable[[str], None],
        execution: Callable[[], Execution] = lambda: Execution(0),
    ) -> None:
        self.settings = settings
        self.say = say
        self.connector = Connector(settings, say, self._forget_models)
        self.namespace = namespace
        self.execution = execution
        self.conversations = Conversations(self)
        self.background = Background()
        self.runs = Runs()
        self._answers: tuple[tuple[str, float | None], AnswerStore] | None = None
        self.in_use: dict[Kind, Any] = {}
        self._contexts: dict[str, int | None] = {}  # of adopted models, by UID
        self.hinted = False
        self.compared: Comparison | None = None
        self.lessons = Lessons()

    @cached_property
    def launches(self) -> LaunchHistory:
        """The launches of this notebook, imported late because that would dominate loading."""
        from xinference_magics.cluster.launching.reuse import LaunchHistory

        return LaunchHistory()

    @property
    def answers(self) -> AnswerStore:
        """The answer store that is configured, imported late as few notebooks need it."""
        from xinference_magics.data.store import AnswerStore

        wanted = self.settings.answers, self.settings.answers_gigabytes
        if self._answers is None or self._answers[0] != wanted:
            size = None if wanted[1] is None else int(wanted[1] * 1e9)
            if self._answers is not None:
                self._answers[1].close()
            self._answers = wanted, AnswerStore(wanted[0] or None, max_bytes=size)
        return self._answers[1]

    @property
    def system(self) -> str:
        """The system prompt of conversations that have none of their own."""
        return self.settings.system

    @property
    def server_version(self) -> str | None:
        """The version of the server that the notebook is connected to, if known."""
        return self.connector.server_version

    def version_of(self, endpoint: str) -> str | None:
        """Return the version of the server at `endpoint`, if the notebook is connected to it."""
        return self.server_version if self.connector.uses(endpoint) else None

    @property
    def model(self) -> ChatXinference | None:
        """The model that ``%%chat`` asks, once one is selected."""
        return self.in_use.get(CHAT)

    def connection(self, *, known: bool = False) -> Connection:
        """Describe the connection, what runs there and what is in use, connecting if necessary.

        Args:
            known: Whether the connection is new, so that the server's version is already known.
        """
        from xinference_magics.notebook.results.connection import Connection

        connector, before = self.connector, self.connector.cluster
        cluster = connector.get_or_connect()
        if cluster is before and not known:
            connector.server_version = cluster.version()
        return Connection(
            cluster.endpoint,
            version=connector.server_version,
            private=connector.local is not None,
            credentials=described(cluster, connector.local),
            models=tuple(cluster.models()),
            in_use=tuple(dict.fromkeys(model.model_uid for model in self.in_use.values())),
            turns=len(self.conversations.current),
        )

    def use(self, running: RunningModel, name: str | None = None) -> InUse:
        """Put the object for `running` into the namespace; if it can chat, ``%%chat`` then asks it.

        Raises:
            NotebookError: No LangChain class exists for such a model.
        """
        kind = kind_of(running)
        if kind is None:
            raise _no_use(running, "There is no LangChain class for this type")
        self.lessons.forget(
            self.connector.get_or_connect().endpoint, running.uid
        )  # it may have been relaunched
        made = self._make(kind, running)
        if kind.magic:
            self.in_use[kind] = made
        name = name or kind.name or self.settings.name
        bound = self.namespace.offer(name, made)
        return InUse(running.uid, name, type(made).__name__, kind.magic, bound)

    def model_in_use(
        self, uid: str | None = None, kind: Kind = CHAT, endpoint: str | None = None
    ) -> Any:
        """Return the LangChain object that a magic asks.

        Args:
            uid: The model; None for the one in use, or the only one that runs.
            kind: The kind that the magic needs.
            endpoint: The server to connect to first.

        Raises:
            NotebookError: No model runs, several do and none is selected, or it is of another kind.
        """
        cluster = self.connector.get_or_connect(endpoint)
        used = self.in_use.get(kind)
        if used is not None and uid in (None, used.model_uid):
            return used
        if uid is not None:
            return self.askable(cluster.describe(uid), kind)
        fitting = [model for model in cluster.models() if kind.fits(model)]
        in_use = {model.model_uid for model in self.in_use.values()}
        preferred = [model for model in fitting if model.uid in in_use] or fitting
        if len(preferred) != 1:
            raise _undecided(cluster.endpoint, preferred, kind)
        return self._only(preferred[0], kind)

    def askable(self, running: RunningModel, kind: Kind) -> Any:
        """Make the LangChain object that a magic asks.

        Raises:
            NotebookError: The model is of another kind; the hint names the magic for it.
        """
        if not kind.fits(running):
            raise _no_use(running, f"It does not {kind.does}", kind)
        return self._make(kind, running)

    def adjust(self, parameter: str) -> None:
        """Apply a new default to the models in use, too."""
        for model in self.in_use.values():
            defaults = self._generation(self._contexts.get(model.model_uid))
            setattr(model, parameter, defaults.get(parameter))

    def forget(self, endpoint: str, uid: str) -> None:
        """Record that the model `uid` of a server was terminated."""
        self.launches.forget(endpoint, uid)
        self.lessons.forget(endpoint, uid)
        if self.connector.uses(endpoint):
            self.in_use = {k: model for k, model in self.in_use.items() if model.model_uid != uid}

    def request_context(self, endpoint: str, running: RunningModel) -> RequestContext | None:
        """Return how many tokens a request to a model may have, if this notebook knows.

        It knows from the server's refusal of a longer request, or from its own launch.
        """
        from xinference_magics.cluster.models import RequestContext
        from xinference_magics.cluster.request_context import launched_with

        if limit := self.lessons.at(endpoint, running.uid).limit:
            return RequestContext(limit, "the server refused more")
        own = self.launches.of(endpoint, running.uid)
        return None if own is None else launched_with(own, running)

    def _only(self, running: RunningModel, kind: Kind) -> Any:
        """Select the only model that a magic can ask, and say so."""
        if kind_of(running) is kind:
            self.say(f"Using {running.uid}, the only running model that can {kind.does}.")
            self.say(self.use(running).said)
        else:  # its object in the namespace is of another kind and stays
            self.in_use[kind] = self._make(kind, running)
        return self.in_use[kind]

    def _make(self, kind: Kind, running: RunningModel) -> Any:
        endpoint = self.connector.get_or_connect().endpoint
        if known := self.request_context(endpoint, running):
            running = replace(running, context_length=known.tokens)
        fields = {
            "server_url": endpoint,
            "model_uid": running.uid,
            "timeout": (self.settings.connect_timeout, self.settings.read_timeout),
            **for_objects(self.connector.get_or_connect()),
        }
        if kind.model_type == "LLM":
            self._contexts[running.uid] = running.context_length
            fields |= {"engine": running.engine, **self._generation(running.context_length)}
        return kind.make(running, fields)

    def _generation(self, context: int | None) -> dict[str, Any]:
        """Return the default parameters, leaving half of the context window to the prompt."""
        settings = self.settings
        limit = settings.max_tokens
        if limit is not None and context:
            limit = min(limit, max(context // 2, 1))
        given = {
            "temperature": settings.temperature,
            "max_tokens": limit,
            "top_p": settings.top_p,
            "seed": settings.seed,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _forget_models(self) -> None:
        """Forget the models in use, because the notebook leaves their server."""
        self.in_use.clear()
        self._contexts.clear()


def _no_use(running: RunningModel, why: str, kind: Kind | None = None) -> NotebookError:
    abilities = ", ".join(running.abilities) or "no abilities"
    others = (other for other in KINDS if other.magic and other is not kind)
    able = [
        f"Ask it with {other.magic} -m {as_word(running.uid)}."
        for other in others
        if other.fits(running)
    ]
    return NotebookError(
        f"{running.uid} is of type {running.type} (abilities: {abilities}). {why}.",
        hint=able[0] if able and kind else "%xinference list shows the others.",
    )


def _undecided(endpoint: str, running: list[RunningModel], kind: Kind) -> NotebookError:
    if not running:
        return NotebookError(
            f"No model that can {kind.does} is running at {endpoint}.",
            hint="Start one: %xinference launch -n NAME.",
        )
    uids = ", ".join(model.uid for model in running)
    return NotebookError(
        f"Several running models can {kind.does}: {uids}.",
        hint=f"Choose one: %xinference use {as_word(running[0].uid)} (or ask one with -m UID).",
    )


def catch_up(session: Session, turns: Iterable[PendingTurn]) -> None:
    """Wait until `turns` have ended, and say so in one line.

    Raises:
        KeyboardInterrupt: The wait was interrupted; the turns keep running.
    """
    from xinference_magics.chat.pending import still_answering

    pending = [each for each in turns if not each.done]
    if not pending:
        return
    names = ", ".join(dict.fromkeys(each.title for each in pending))
    try:
        session.say(f"Waiting for an earlier turn of this conversation: {names}.")
        for each in pending:
            each.wait()
    except KeyboardInterrupt:
        raise still_answering(names) from None
