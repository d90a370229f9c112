"""The notebook's connection, to the server that was named, configured or found.

It is opened with the credentials that the server requires.
"""

from __future__ import annotations

import logging
import math
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from xinference_magics import interrupts
from xinference_magics.errors import (
    AuthenticationError,
    ConnectError,
    LocalServerError,
    NotebookError,
)
from xinference_magics.transport import endpoint as endpoints
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.local_server.server import LocalServer
    from xinference_magics.transport.endpoint import Timeouts


def open_cluster(endpoint: str, timeouts: Timeouts) -> tuple[Cluster, LocalServer | None]:
    """Open a connection, and return it with the private local server if it leads there.

    Args:
        endpoint: A normalized endpoint.
        timeouts: Limits in seconds.

    Raises:
        AuthenticationError: The server requires credentials and none are known, or it has no
            account yet. No credentials were sent.
        ConnectError: Nothing answers there.
    """
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.local_server import server as local

    server = local.find()
    if server is not None and server.endpoint == endpoint:
        return open_local(server, timeouts), server
    cluster = Cluster(endpoint, timeouts=timeouts)
    if not cluster.requires_auth():
        return cluster, None
    cluster.close()
    return Cluster(endpoint, token=_identity(endpoint, timeouts), timeouts=timeouts), None


def open_local(server: LocalServer, timeouts: Timeouts) -> Cluster:
    """Open a connection for managing the private server on this machine."""
    from xinference_magics.cluster.connection import Cluster

    return Cluster(server.endpoint, token=server.token, timeouts=timeouts)


def require_account(endpoint: str, timeouts: Timeouts) -> None:
    """Reject a login at a server where nobody can log in yet.

    Raises:
        AuthenticationError: The server has no account yet.
    """
    from xinference_magics.auth.setup import needs_setup

    if needs_setup(endpoint, timeouts):
        raise AuthenticationError(
            f"{endpoint} is new and has no account yet.",
            hint=f"%xinference setup {endpoint} creates the first.",
        )


def _identity(endpoint: str, timeouts: Timeouts) -> Any:
    from xinference_magics.auth.identity import Identity

    require_account(endpoint, timeouts)
    identity = Identity(endpoint)
    if not identity.said:
        raise identity.unknown()
    return identity


def described(cluster: Cluster, local: LocalServer | None) -> str:
    """Describe the credentials of a connection in a few words; empty if there are none."""
    from xinference_magics.auth.identity import Identity

    if local is not None:
        return "private, of this machine"
    return cluster.token.said if isinstance(cluster.token, Identity) else ""


def for_objects(cluster: Cluster) -> dict[str, Any]:
    """Return the credential fields of a ready-made object.

    The object holds no secret but looks one up for each request, so it works for as long as the
    login is renewed.
    """
    # If api_key is omitted, $XINFERENCE_API_KEY applies, which an open server must not get.
    return {} if cluster.token else {"api_key": ""}


_log = logging.getLogger(__name__)

NOTHING_ANSWERS = (
    "Start one with %xinference serve, or connect to one with %xinference connect URL."
)


class Settings(Protocol):
    """The traits that a session reads whenever it needs them."""

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
    answers: str
    answers_gigabytes: float | None
    embed_limit: float


class Connector:
    """The single connection of a notebook, opened when it is first needed.

    `connect`, `serve`, `get_or_connect`, `get_or_serve` and `connect_unless_elsewhere` connect the
    notebook. `visit` and `open_separate` may open another connection without replacing the
    notebook's. The other methods open no connection.

    Args:
        settings: The traits of the magics.
        say: Shows one line to the user.
        on_leave: Called when the notebook leaves a server, not when it reconnects to it.

    Attributes:
        changes: Number of commands and connections that have succeeded. Each may have changed
            what was known about servers.
        server_version: Version of the server that the notebook is connected to, if known.
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
        """Whether an endpoint is set by ``%config`` or the environment."""
        return bool(self._settings.endpoint or os.environ.get("XINFERENCE_ENDPOINT"))

    def uses(self, endpoint: str) -> bool:
        """Return whether the notebook is connected to the server at `endpoint`."""
        return self._cluster is not None and self._cluster.endpoint == endpoint

    def connect(self, endpoint: str | None = None) -> Cluster:
        """Connect to `endpoint`, or to the server that is configured or found on this machine.

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
        """Open a connection to `endpoint` for one command; if it is None, return the notebook's."""
        if endpoint is None:
            return self.get_or_connect()
        return self._opened(endpoints.normalize(endpoint))[0]

    def resolve(self, endpoint: str | None) -> str:
        """Return `endpoint`, or else the URL in use, or else the configured one."""
        if endpoint is None and self._cluster is not None:
            return self._cluster.endpoint
        return endpoints.resolve(endpoint, self._settings.endpoint)

    def is_private(self, endpoint: str) -> bool:
        """Return whether `endpoint` is the private server on this machine."""
        local = self._find_local()
        return local is not None and local.endpoint == endpoint

    def connect_unless_elsewhere(self, endpoint: str) -> bool:
        """Connect with new credentials, unless the notebook is connected to another server.

        Returns:
            Whether the notebook is connected to `endpoint`.
        """
        if self._cluster is not None and not self.uses(endpoint):
            return False
        self._use(endpoint)
        self._named = True
        return True

    def open_separate(self, endpoint: str | None = None) -> Cluster:
        """Open a second connection, to the server that the next command would use.

        The session does not change, and any thread may call this.

        Raises:
            AuthenticationError: The server requires credentials and none are known.
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
                return open_local(local, self.timeouts)
            raise

    def get_or_connect(self, endpoint: str | None = None) -> Cluster:
        """Return the connection in use, connecting first if necessary."""
        named = endpoints.normalize(endpoint) if endpoint else None
        if self._cluster is not None and named in (None, self._cluster.endpoint):
            return self._cluster
        return self.connect(named)

    def get_or_serve(self, endpoint: str | None = None) -> Cluster:
        """Return a working connection, starting the local server if none is configured or found."""
        if endpoint or self.is_configured or self._named:
            return self.get_or_connect(endpoint)
        with dropped(_log, ConnectError, LocalServerError):
            cluster = self.get_or_connect()
            cluster.version()
            return cluster
        self._say("No Xinference server answers here: starting a private one on this machine.")
        return self.serve()

    def serve(self, *, port: int | None = None, keep: bool = False) -> Cluster:
        """Connect to the private local server, starting it if it is not running.

        Raises:
            LocalServerError: It cannot be started.
            KeyboardInterrupt: The wait was interrupted; the server keeps starting.
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

    @contextmanager
    def local_server_explained(self) -> Iterator[None]:
        """Report a failed connection to the private server as its end, if it has ended.

        Raises:
            LocalServerError: It has.
        """
        try:
            yield
        except ConnectError as error:
            if self._local is None or self._local.alive:
                raise
            from xinference_magics.local_server.server import gone

            raise gone(self._local.endpoint) from error

    def stop_local(self) -> None:
        """Stop the private local server, even if it is still starting.

        Raises:
            NotebookError: No local server is running.
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
        """Drop the connection, and forget which models of its server are in use."""
        self.disconnect()
        self._on_leave()

    def disconnect(self) -> None:
        """Drop the connection; the local server ends once no other notebook uses it."""
        if self._local is not None:
            self._local.release()
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = self._local = self.server_version = None
        self._named = False

    def _use(self, endpoint: str) -> Cluster:
        cluster, local = self._opened(endpoint)
        try:
            version = cluster.version()  # rejected credentials must not drop the connection in use
        except BaseException:
            cluster.close()
            raise
        self._replace(cluster, local)
        self.server_version = version
        return cluster

    def _use_local(self, server: LocalServer) -> Cluster:
        cluster = open_local(server, self.timeouts)
        self._replace(cluster, server)
        self.server_version = cluster.version()
        return cluster

    def _opened(self, endpoint: str) -> tuple[Cluster, LocalServer | None]:
        return open_cluster(endpoint, self.timeouts)

    @property
    def timeouts(self) -> endpoints.Timeouts:
        """Timeouts of management requests, in seconds."""
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
        """Keep the server running while this notebook uses it; disconnect if it is gone."""
        try:
            local.lease()
        except LocalServerError:
            self.disconnect()
            raise

    def _find_local(self) -> LocalServer | None:
        from xinference_magics.local_server import server as local

        return local.find()
