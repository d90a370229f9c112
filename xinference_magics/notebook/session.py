"""What the magics of one notebook share: the connection, the model in use, the conversation."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from xinference_magics import interrupts
from xinference_magics.chat.background import Background
from xinference_magics.chat.conversation import Execution
from xinference_magics.chat.conversations import Conversations
from xinference_magics.cluster.reuse import OwnLaunches
from xinference_magics.errors import ConnectError, NotebookError
from xinference_magics.notebook import opening
from xinference_magics.notebook.ready_made import CHAT, KINDS, kind_of
from xinference_magics.transport import endpoint as endpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat_models import ChatXinference
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.local import LocalServer
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.namespace import Namespace
    from xinference_magics.notebook.ready_made import Kind
    from xinference_magics.notebook.results.connection import Connection

NOTHING_ANSWERS = "Start one with %xinference serve, or name one: %xinference connect URL."


class Settings(Protocol):
    """The traits that a session reads each time it needs them."""

    endpoint: str
    name: str
    server_command: str
    reuse: bool
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    seed: int | None
    connect_timeout: float
    read_timeout: float


class Session:
    """The state behind the magics.

    Args:
        settings: The traits of the magics.
        namespace: Where ready-made objects go.
        say: Shows one line to the user.
        execution: Returns the run of a cell that is going on.

    Attributes:
        in_use: The models that the magics ask, by their kind.
        compared: What was compared last.
        changes: How many commands and connections have succeeded: what was known of servers
            before each may have changed.
    """

    def __init__(
        self,
        settings: Settings,
        namespace: Namespace,
        say: Callable[[str], None],
        execution: Callable[[], Execution] = lambda: Execution(0),
    ) -> None:
        self.settings = settings
        self.namespace = namespace
        self.say = say
        self.execution = execution
        self.conversations = Conversations(self)
        self.background = Background()
        self.launches = OwnLaunches()
        self.in_use: dict[Kind, Any] = {}
        self.changes = 0
        self.server_version: str | None = None
        self.hinted = False
        self.compared: Comparison | None = None
        self._cluster: Cluster | None = None
        self._local: LocalServer | None = None
        self._named = False

    @property
    def model(self) -> ChatXinference | None:
        """The model that ``%%chat`` asks, once one was taken up."""
        return self.in_use.get(CHAT)

    @property
    def configured(self) -> bool:
        """Whether an endpoint is named by ``%config`` or the environment."""
        return bool(self.settings.endpoint or os.environ.get("XINFERENCE_ENDPOINT"))

    @property
    def cluster_in_use(self) -> Cluster | None:
        """The connection, where one was made."""
        return self._cluster

    def connect(self, endpoint: str | None = None) -> Cluster:
        """Connect to `endpoint`, or to the one that is configured or found on this machine.

        Raises:
            ConnectError: Nothing answers there.
        """
        if endpoint or self.configured:
            cluster = self._use(endpoints.resolve(endpoint, self.settings.endpoint))
            self._named = bool(endpoint) and self._local is None
            return cluster
        try:
            return self._use(endpoints.DEFAULT_ENDPOINT)
        except ConnectError as error:
            if local := self._find_local():
                return self._use_local(local)
            message = f"No Xinference answers at {endpoints.DEFAULT_ENDPOINT}."
            raise ConnectError(message, hint=NOTHING_ANSWERS) from error

    def visit(self, endpoint: str | None) -> Cluster:
        """Return a connection to `endpoint` for one command; without one, the one in use."""
        if endpoint is None:
            return self.cluster()
        return self._opened(endpoints.normalize(endpoint))[0]

    def where(self, endpoint: str | None) -> str:
        """Return the URL that is meant: `endpoint`, the one in use, or the configured one."""
        if endpoint is None and self._cluster is not None:
            return self._cluster.endpoint
        return endpoints.resolve(endpoint, self.settings.endpoint)

    def is_private(self, endpoint: str) -> bool:
        """Tell whether `endpoint` is the private server of this machine."""
        local = self._find_local()
        return local is not None and local.endpoint == endpoint

    def admitted(self, endpoint: str) -> bool:
        """Connect with new credentials; a notebook that is connected elsewhere stays there.

        Returns:
            Whether the notebook is connected to `endpoint`.
        """
        if self._cluster is not None and self._cluster.endpoint != endpoint:
            return False
        self._use(endpoint)
        self._named = True
        return True

    def look(self, endpoint: str | None = None) -> Cluster:
        """Open a connection besides the one in use, to where the next command would go.

        Nothing of the session changes, and any thread may do this.

        Raises:
            AuthenticationError: The server wants credentials and none are known.
            ConnectError: Nothing answers there.
        """
        used = self._cluster
        if endpoint is None and used is not None:
            return type(used)(used.endpoint, token=used.token, timeouts=self._timeouts)
        if endpoint or self.configured:
            return self._opened(self.where(endpoint))[0]
        try:
            return self._opened(endpoints.DEFAULT_ENDPOINT)[0]
        except ConnectError:
            if local := self._find_local():
                return opening.open_local(local, self._timeouts)
            raise

    def cluster(self, endpoint: str | None = None) -> Cluster:
        """Return the connection in use, making it first where there is none."""
        named = endpoints.normalize(endpoint) if endpoint else None
        if self._cluster is not None and named in (None, self._cluster.endpoint):
            return self._cluster
        return self.connect(named)

    def cluster_or_serve(self, endpoint: str | None = None) -> Cluster:
        """Return a connection that answers, starting the local server where none is configured."""
        if endpoint or self.configured or self._named:
            return self.cluster(endpoint)
        with suppress(ConnectError):
            cluster = self.cluster()
            cluster.version()
            return cluster
        self.say("No Xinference answers here: starting a private one on this machine.")
        return self.serve()

    def serve(self, *, port: int | None = None, keep: bool = False) -> Cluster:
        """Start the private local server, or find the one that runs, and connect to it.

        Raises:
            LocalServerError: It cannot be started.
            KeyboardInterrupt: The waiting was interrupted; the server goes on starting.
        """
        from xinference_magics.cluster import local

        command = self.settings.server_command or None
        try:
            server = local.start(port=port, command=command, keep=keep, on_line=self.say)
        except KeyboardInterrupt:
            raise interrupts.one_line(
                "The server goes on starting: %xinference serve takes it up, "
                "%xinference stop ends it."
            ) from None
        return self._use_local(server)

    def stop_local(self) -> None:
        """Stop the private local server, also one that is still starting.

        Raises:
            NotebookError: None runs.
        """
        from xinference_magics.cluster import local

        if not local.stop():
            raise NotebookError(
                "No local server of this package runs.", hint="%xinference status shows the rest."
            )
        if self._local is not None:
            self.disconnect()
            self.in_use.clear()

    def disconnect(self) -> None:
        """Forget the connection; the local server ends when no other notebook uses it."""
        if self._local is not None:
            self._local.release()
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = self._local = self.server_version = None
        self._named = False

    def connection(self, *, known: bool = False) -> Connection:
        """Describe where the notebook is connected, what runs there and what is in use.

        Args:
            known: The connection has just been made, and the server need not be asked who it is.
        """
        from xinference_magics.notebook.results.connection import Connection

        standing = self._cluster
        cluster = self.cluster()
        if cluster is standing and not known:
            self.server_version = cluster.version()
        return Connection(
            cluster.endpoint,
            version=self.server_version,
            private=self._local is not None,
            credentials=opening.described(cluster, self._local),
            models=tuple(cluster.models()),
            in_use=tuple(dict.fromkeys(model.model_uid for model in self.in_use.values())),
            turns=len(self.conversations.current),
        )

    def take_up(self, running: RunningModel, name: str | None = None) -> str:
        """Put the object for `running` into the namespace; ``%%chat`` then asks it, if it chats.

        Returns:
            One line that says where the object is.

        Raises:
            NotebookError: There is no LangChain class for such a model.
        """
        kind = kind_of(running)
        if kind is None:
            raise _no_use(running, "There is no LangChain class for it")
        made = self._make(kind, running)
        if kind.magic:
            self.in_use[kind] = made
        name = name or kind.name or self.settings.name
        if self.namespace.offer(name, made):
            asked = f"; {kind.magic} asks it" if kind.magic else ""
            return f"Ready: {name} is {kind.class_name} for {running.uid}{asked}."
        return (
            f"{name} is a variable of yours and stays as it is; "
            f"%xinference use {running.uid} --as NAME puts the object elsewhere."
        )

    def _make(self, kind: Kind, running: RunningModel) -> Any:
        fields = {
            "server_url": self.cluster().endpoint,
            "model_uid": running.uid,
            "timeout": (self.settings.connect_timeout, self.settings.read_timeout),
            **opening.for_objects(self.cluster()),
        }
        if kind.model_type == "LLM":
            fields |= {"engine": running.engine, **self._generation(running)}
        return kind.make(running, **fields)

    def model_in_use(
        self, uid: str | None = None, kind: Kind = CHAT, endpoint: str | None = None
    ) -> Any:
        """Return the object for what a magic asks.

        Args:
            uid: The model; without one, the one in use, or the only one that runs.
            kind: What it has to be; its magic asks.
            endpoint: Where to connect first.

        Raises:
            NotebookError: None runs, several do and none was taken up, or it is of another kind.
        """
        cluster = self.cluster(endpoint)
        used = self.in_use.get(kind)
        if used is not None and uid in (None, used.model_uid):
            return used
        if uid is not None:
            return self.askable(cluster.describe(uid), kind)
        fitting = [model for model in cluster.models() if kind.fits(model)]
        taken_up = {model.model_uid for model in self.in_use.values()}
        preferred = [model for model in fitting if model.uid in taken_up] or fitting
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

    def _only(self, running: RunningModel, kind: Kind) -> Any:
        """Take up the only model that a magic can ask, saying so."""
        if kind_of(running) is kind:
            self.say(f"Using {running.uid}, the only model that runs and can {kind.does}.")
            self.say(self.take_up(running))
        else:  # its object in the namespace is of another kind, and stays
            self.in_use[kind] = self._make(kind, running)
        return self.in_use[kind]

    def forget(self, uid: str) -> None:
        """Note that the model `uid` was terminated."""
        self.launches.forget(self.cluster().endpoint, uid)
        self.in_use = {k: model for k, model in self.in_use.items() if model.model_uid != uid}

    def _use(self, endpoint: str) -> Cluster:
        cluster, local = self._opened(endpoint)
        version = cluster.version()  # refused credentials must not cost the connection in use
        self._replace(cluster, local)
        self.server_version = version
        return cluster

    def _use_local(self, server: LocalServer) -> Cluster:
        cluster = opening.open_local(server, self._timeouts)
        self._replace(cluster, server)
        self.server_version = cluster.version()
        return cluster

    def _opened(self, endpoint: str) -> tuple[Cluster, LocalServer | None]:
        return opening.open_cluster(endpoint, self._timeouts)

    @property
    def _timeouts(self) -> endpoints.Timeouts:
        return endpoints.Timeouts(connect=self.settings.connect_timeout)

    def _replace(self, cluster: Cluster, local: LocalServer | None) -> None:
        moved = self._cluster is not None and self._cluster.endpoint != cluster.endpoint
        self.disconnect()
        self._cluster, self._local = cluster, local
        self.changes += 1
        if local is not None:
            local.lease()
        if moved:
            self.in_use.clear()

    def _find_local(self) -> LocalServer | None:
        from xinference_magics.cluster import local

        return local.find()

    def _generation(self, running: RunningModel) -> dict[str, Any]:
        """Default parameters, with an answer that leaves half of the context to the prompt."""
        settings = self.settings
        limit = settings.max_tokens
        if limit is not None and running.context_length:
            limit = min(limit, max(running.context_length // 2, 1))
        given = {
            "temperature": settings.temperature,
            "max_tokens": limit,
            "top_p": settings.top_p,
            "seed": settings.seed,
        }
        return {name: value for name, value in given.items() if value is not None}


def _no_use(running: RunningModel, why: str, kind: Kind | None = None) -> NotebookError:
    abilities = ", ".join(running.abilities) or "no abilities"
    others = (other for other in KINDS if other.magic and other is not kind)
    able = [f"{other.magic} -m {running.uid} asks it." for other in others if other.fits(running)]
    return NotebookError(
        f"{running.uid} is of type {running.type} with {abilities}. {why}.",
        hint=able[0] if able and kind else "%xinference list shows the others.",
    )


def _undecided(endpoint: str, running: list[RunningModel], kind: Kind) -> NotebookError:
    if not running:
        return NotebookError(
            f"No model that can {kind.does} runs at {endpoint}.",
            hint="Start one: %xinference launch -n NAME.",
        )
    uids = ", ".join(model.uid for model in running)
    return NotebookError(
        f"Several models run that can {kind.does}: {uids}.",
        hint=f"Take one up: %xinference use {running[0].uid} (or ask one with -m UID).",
    )
