"""What the tests of the cluster share."""

import http.server
import json
import threading
from urllib.parse import unquote

import pytest
from web_server import answering


@pytest.fixture
def json_server():
    """A server that answers everything with JSON, and is no Xinference."""

    with answering(b"[1]", "application/json") as url:
        yield url


class Answers:
    """A scripted management API: for each path the answers in order, the last one for ever.

    `answers["/v1/models/u"] = [(503, {...}), (200, {...})]`; `asked` lists what was asked.
    """

    def __init__(self):
        self.asked = []
        self._scripts = {}

    def __setitem__(self, path, script):
        self._scripts[path] = list(script)

    def take(self, path):
        self.asked.append(path)
        script = self._scripts[path]
        return script.pop(0) if len(script) > 1 else script[0]


@pytest.fixture
def answers():
    """Scripted answers, served at `answers.endpoint`."""
    made = Answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, content = made.take(unquote(self.path.partition("?")[0]))
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET  # noqa: N815  # http.server's names

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.endpoint = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()
