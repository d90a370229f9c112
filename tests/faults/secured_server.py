"""A scripted server behind TLS, with a certificate from an unknown authority."""

import ssl
from contextlib import contextmanager

from faulty_server import FaultyServer


@contextmanager
def secured_server(authority, *names, ask_back=False, **limits):
    """Run the server; yields it and its URL.

    Args:
        authority: A certificate authority from `trustme`.
        names: The names its certificate is valid for.
        ask_back: Whether it requires a certificate from clients.
        limits: The limits of the certificate, such as `not_after`.
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
