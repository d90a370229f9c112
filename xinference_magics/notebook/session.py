"""What the magics of one notebook share: the connection, the model in use, the conversation."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from xinference_magics import interrupts
from xinference_magics.chat.conversation import Execution
from xinference_magics.chat.conversations import Conversations
from xinference_magics.cluster.reuse import OwnLaunches
from xinference_magics.errors import ConnectError, NotebookError
from xinference_magics.notebook import opening
from xinference_magics.notebook.ready_made import CHAT, kind_of
from xinference_magics.transport import endpoint as endpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.chat_models import ChatXinference
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.local import LocalServer
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.namespace import Namespace
    from xinference_magics.notebook.ready_made import Kind

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
        self.launches = OwnLaunches()
        self.model: ChatXinference | None = None
        self.server_version: str | None = None
        self.hinted = False
        self._cluster: Cluster | None = None
        self._local: LocalServer | None = None
        self._named = False

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
            self.model = None

    def disconnect(self) -> None:
        """Forget the connection; the local server ends when no other notebook uses it."""
        if self._local is not None:
            self._local.release()
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = self._local = self.server_version = None
        self._named = False

    def describe_connection(self) -> str:
        """Say in a few lines where the notebook is connected, what runs and what is in use."""
        cluster = self.cluster()
        notes = [
            f"Xinference {cluster.version() or 'of unknown version'}",
            opening.described(cluster, self._local),
        ]
        running = ", ".join(f"{model.uid} ({model.type})" for model in cluster.models())
        lines = [
            f"Connected to {cluster.endpoint} ({', '.join(filter(None, notes))}).",
            f"Running: {running}." if running else "No model runs: %xinference launch -n NAME",
        ]
        if self.model is not None:
            turns = len(self.conversations.current)
            so_far = f"{turns} turn{'' if turns == 1 else 's'} so far"
            lines.append(f"In use: {self.model.model_uid}; {so_far}.")
        return "\n".join(lines)

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
        if kind is CHAT:
            self.model = made
        name = name or kind.name or self.settings.name
        if self.namespace.offer(name, made):
            asked = "; %%chat asks it" if kind is CHAT else ""
            return f"Ready: {name} is {kind.class_name} for {running.uid}{asked}."
        return (
            f"{name} is a variable of yours and stays as it is; "
            f"%xinference use {running.uid} --as NAME puts the object elsewhere."
        )

    def chat_model(self, running: RunningModel) -> ChatXinference:
        """Make the LangChain object for `running`.

        Raises:
            NotebookError: The model does not chat.
        """
        if not running.chats:
            raise _no_use(running, "It does not chat")
        made: ChatXinference = self._make(CHAT, running)
        return made

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

    def model_in_use(self, uid: str | None = None) -> ChatXinference:
        """Return the model that ``%%chat`` asks: `uid`, the one in use, or the only one running.

        Raises:
            NotebookError: None runs, or several do and none was taken up.
        """
        if self.model is not None and uid in (None, self.model.model_uid):
            return self.model
        cluster = self.cluster()
        if uid is not None:
            return self.chat_model(cluster.describe(uid))
        chatting = [model for model in cluster.models() if model.chats]
        if len(chatting) == 1:
            self.say(f"Using {chatting[0].uid}, the only chat model that runs.")
            self.say(self.take_up(chatting[0]))
            return self.model_in_use()
        raise _undecided(cluster.endpoint, chatting)

    def forget(self, uid: str) -> None:
        """Note that the model `uid` was terminated."""
        self.launches.forget(self.cluster().endpoint, uid)
        if self.model is not None and self.model.model_uid == uid:
            self.model = None

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
        if local is not None:
            local.lease()
        if moved:
            self.model = None

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


def _no_use(running: RunningModel, why: str) -> NotebookError:
    abilities = ", ".join(running.abilities) or "no abilities"
    return NotebookError(
        f"{running.uid} is of type {running.type} with {abilities}. {why}.",
        hint="%xinference list shows the others.",
    )


def _undecided(endpoint: str, running: list[RunningModel]) -> NotebookError:
    if not running:
        return NotebookError(
            f"No chat model runs at {endpoint}.",
            hint="Start one: %xinference launch -n NAME.",
        )
    uids = ", ".join(model.uid for model in running)
    return NotebookError(
        f"Several chat models run: {uids}.",
        hint=f"Take one up: %xinference use {running[0].uid} (or ask one with -m UID).",
    )
