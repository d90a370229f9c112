"""Open connections with the credentials that the server requires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.errors import AuthenticationError

if TYPE_CHECKING:
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
