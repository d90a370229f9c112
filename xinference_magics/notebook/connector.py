"""Where a notebook is connected: to the server that was named, configured or found."""

from __future__ import annotations

import logging
import math
import os
from typing import TYPE_CHECKING, Protocol

from xinference_magics import interrupts
from xinference_magics.errors import ConnectError, LocalServerError, NotebookError
from xinference_magics.notebook import opening
from xinference_magics.transport import endpoint as endpoints
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.local_server.server import LocalServer

_log = logging.getLogger(__name__)

NOTHING_ANSWERS = (
    "Start one with %xinference serve, or connect to one with %xinference connect URL."
)


class Settings(Protocol):
    """The traits that a session reads each time it needs them."""

    endpoint: str
    name: str
    system: str
    frame_rate: int
    server_command: str
    reuse: bool
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    seed: int | None
    connect_timeout: float
    read_timeout: float


class Connector:
    """The one connection of a notebook, made when it is first needed.

    `connect`, `serve`, `get_or_connect`, `get_or_serve` and `connect_unless_elsewhere` connect the
    notebook. `visit` and `open_separate` may open another connection, and leave the notebook's as
    it is. The other methods answer from what is known.

    Args:
        settings: The traits of the magics.
        say: Shows one line to the user.
        on_leave: Called when the notebook leaves a server, not when it connects to it again.

    Attributes:
        changes: How many commands and connections have succeeded: what was known of servers
            before each may have changed.
        server_version: Of the server that the notebook is connected to.
    """

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], None],
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._say = say
        self._on_leave = on_leave
        self.changes = 0
        self.server_version: str | None = None
        self._cluster: Cluster | None = None
        self._local: LocalServer | None = None
        self._named = False

    @property
    def cluster(self) -> Cluster | None:
        """The connection in use; None before the first one."""
        return self._cluster

    @property
    def local(self) -> LocalServer | None:
        """The private local server, if the notebook is connected to it."""
        return self._local

    @property
    def is_configured(self) -> bool:
        """Whether an endpoint is named by ``%config`` or the environment."""
        return bool(self._settings.endpoint or os.environ.get("XINFERENCE_ENDPOINT"))

    def uses(self, endpoint: str) -> bool:
        """Tell whether the notebook is connected to the server of that URL."""
        return self._cluster is not None and self._cluster.endpoint == endpoint

    def connect(self, endpoint: str | None = None) -> Cluster:
        """Connect to `endpoint`, or to the one that is configured or found on this machine.

        Raises:
            ConnectError: Nothing answers there.
        """
        if endpoint or self.is_configured:
            cluster = self._use(endpoints.resolve(endpoint, self._settings.endpoint))
            self._named = bool(endpoint) and self._local is None
            return cluster
        try:
            return self._use(endpoints.DEFAULT_ENDPOINT)
        except ConnectError as error:
            if local := self._find_local():
                return self._use_local(local)
            message = f"No Xinference server answers at {endpoints.DEFAULT_ENDPOINT}."
            raise ConnectError(message, hint=NOTHING_ANSWERS) from error

    def visit(self, endpoint: str | None) -> Cluster:
        """Open a connection to `endpoint` for one command; without one, return the one in use."""
        if endpoint is None:
            return self.get_or_connect()
        return self._opened(endpoints.normalize(endpoint))[0]

    def resolve(self, endpoint: str | None) -> str:
        """Return the URL that is meant: `endpoint`, the one in use, or the configured one."""
        if endpoint is None and self._cluster is not None:
            return self._cluster.endpoint
        return endpoints.resolve(endpoint, self._settings.endpoint)

    def is_private(self, endpoint: str) -> bool:
        """Tell whether `endpoint` is the private server of this machine."""
        local = self._find_local()
        return local is not None and local.endpoint == endpoint

    def connect_unless_elsewhere(self, endpoint: str) -> bool:
        """Connect with new credentials; a notebook that is connected elsewhere stays there.

        Returns:
            Whether the notebook is connected to `endpoint`.
        """
        if self._cluster is not None and not self.uses(endpoint):
            return False
        self._use(endpoint)
        self._named = True
        return True

    def open_separate(self, endpoint: str | None = None) -> Cluster:
        """Open a connection besides the one in use, to where the next command would go.

        Nothing of the session changes, and any thread may do this.

        Raises:
            AuthenticationError: The server wants credentials and none are known.
            ConnectError: Nothing answers there.
        """
        used = self._cluster
        if endpoint is None and used is not None:
            return type(used)(used.endpoint, token=used.token, timeouts=self.timeouts)
        if endpoint or self.is_configured:
            return self._opened(self.resolve(endpoint))[0]
        try:
            return self._opened(endpoints.DEFAULT_ENDPOINT)[0]
        except ConnectError:
            if local := self._find_local():
                return opening.open_local(local, self.timeouts)
            raise

    def get_or_connect(self, endpoint: str | None = None) -> Cluster:
        """Return the connection in use, making it first where there is none."""
        named = endpoints.normalize(endpoint) if endpoint else None
        if self._cluster is not None and named in (None, self._cluster.endpoint):
            return self._cluster
        return self.connect(named)

    def get_or_serve(self, endpoint: str | None = None) -> Cluster:
        """Return a connection that answers, starting the local server where none is configured."""
        if endpoint or self.is_configured or self._named:
            return self.get_or_connect(endpoint)
        with dropped(_log, ConnectError, LocalServerError):
            cluster = self.get_or_connect()
            cluster.version()
            return cluster
        self._say("No Xinference server answers here: starting a private one on this machine.")
        return self.serve()

    def serve(self, *, port: int | None = None, keep: bool = False) -> Cluster:
        """Start the private local server, or find the one that runs, and connect to it.

        Raises:
            LocalServerError: It cannot be started.
            KeyboardInterrupt: The waiting was interrupted; the server goes on starting.
        """
        from xinference_magics.local_server import server as local

        command = self._settings.server_command or None
        try:
            server = local.start(port=port, command=command, keep=keep, on_line=self._say)
        except KeyboardInterrupt:
            raise interrupts.one_line(
                "The server is still starting: %xinference serve waits for it, %xinference stop "
                "ends it."
            ) from None
        return self._use_local(server)

    def stop_local(self) -> None:
        """Stop the private local server, also one that is still starting.

        Raises:
            NotebookError: None runs.
        """
        from xinference_magics.local_server import server as local

        if not local.stop():
            raise NotebookError(
                "No local server of this package is running.",
                hint="%xinference status shows the server in use.",
            )
        if self._local is not None:
            self.leave()

    def leave(self) -> None:
        """Forget the connection, and which models of its server are in use."""
        self.disconnect()
        self._on_leave()

    def disconnect(self) -> None:
        """Forget the connection; the local server ends when no other notebook uses it."""
        if self._local is not None:
            self._local.release()
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = self._local = self.server_version = None
        self._named = False

    def _use(self, endpoint: str) -> Cluster:
        cluster, local = self._opened(endpoint)
        version = cluster.version()  # refused credentials must not cost the connection in use
        self._replace(cluster, local)
        self.server_version = version
        return cluster

    def _use_local(self, server: LocalServer) -> Cluster:
        cluster = opening.open_local(server, self.timeouts)
        self._replace(cluster, server)
        self.server_version = cluster.version()
        return cluster

    def _opened(self, endpoint: str) -> tuple[Cluster, LocalServer | None]:
        return opening.open_cluster(endpoint, self.timeouts)

    @property
    def timeouts(self) -> endpoints.Timeouts:
        """How long to wait for what is managed, in seconds."""
        longest = min(self._settings.read_timeout, endpoints.MANAGEMENT.read or math.inf)
        return endpoints.Timeouts(connect=self._settings.connect_timeout, read=longest)

    def _replace(self, cluster: Cluster, local: LocalServer | None) -> None:
        if self._cluster is None or self._cluster.endpoint == cluster.endpoint:
            self.disconnect()
        else:
            self.leave()
        self._cluster, self._local = cluster, local
        self.changes += 1
        if local is not None:
            self._lease(local)

    def _lease(self, local: LocalServer) -> None:
        """Keep the server while this notebook uses it; forget one that is gone."""
        try:
            local.lease()
        except LocalServerError:
            self.disconnect()
            raise

    def _find_local(self) -> LocalServer | None:
        from xinference_magics.local_server import server as local

        return local.find()
