"""How a notebook opens a connection: with the credentials that the server asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.errors import AuthenticationError

if TYPE_CHECKING:
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.local_server.server import LocalServer
    from xinference_magics.transport.endpoint import Timeouts


def open_cluster(endpoint: str, timeouts: Timeouts) -> tuple[Cluster, LocalServer | None]:
    """Open a connection, and tell whether it is to the private server of this machine.

    Args:
        endpoint: A normalized endpoint.
        timeouts: Limits in seconds.

    Raises:
        AuthenticationError: The server wants credentials and none are known, or it has no
            account yet; none were sent.
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
    """Open a connection to the private server of this machine, to manage it."""
    from xinference_magics.cluster.connection import Cluster

    return Cluster(server.endpoint, token=server.token, timeouts=timeouts)


def require_account(endpoint: str, timeouts: Timeouts) -> None:
    """Refuse to log in at a server where nobody can.

    Raises:
        AuthenticationError: It has no account yet.
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
    """Say in a few words with what credentials the notebook is connected; empty for none."""
    from xinference_magics.auth.identity import Identity

    if local is not None:
        return "private, of this machine"
    return cluster.token.said if isinstance(cluster.token, Identity) else ""


def for_objects(cluster: Cluster) -> dict[str, Any]:
    """Return what a ready-made object is given: it holds no secret, but finds one when it asks.

    So it serves for as long as a login is renewed.
    """
    # Left out, $XINFERENCE_API_KEY counts too: not for a server that wants none.
    return {} if cluster.token else {"api_key": ""}
