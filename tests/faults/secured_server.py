"""A scripted server behind TLS, with a certificate of an authority that nobody knows."""

import ssl
from contextlib import contextmanager

from faulty_server import FaultyServer


@contextmanager
def secured_server(authority, *names, ask_back=False, **limits):
    """Run it; yields the server and its URL.

    Args:
        authority: Of `trustme`.
        names: What its certificate is for.
        ask_back: Whether it wants a certificate from clients.
        limits: Of the certificate, such as `not_after`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **limits).configure_cert(context)
    if ask_back:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with FaultyServer() as server:
        listener = server._http.socket
        server._http.socket = context.wrap_socket(
            listener, server_side=True, do_handshake_on_connect=False
        )
        yield server, server.endpoint.replace("http:", "https:")
