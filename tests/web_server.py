"""Web servers for tests, including one that isn't Xinference and always gives the same answer."""

import http.server
import threading
from contextlib import contextmanager


@contextmanager
def serving(handler):
    """Run a server that passes each request to `handler`; yields it, with its URL as `endpoint`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        made.endpoint = f"http://127.0.0.1:{made.server_port}"
        serve = {"poll_interval": 0.01}
        threading.Thread(target=made.serve_forever, kwargs=serve, daemon=True).start()
        try:
            yield made
        finally:
            made.shutdown()


@contextmanager
def answering(body, content_type):
    """Run a server that always responds with `body`; yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # http.server's name

        def log_message(self, *_):
            pass

    with serving(Handler) as made:
        yield made.endpoint
