"""A scripted management API."""

import http.server
import json
import threading
from contextlib import contextmanager
from urllib.parse import unquote

from web_server import serving


class Answers:
    """For each path, the responses in order; the last one repeats forever.

    `answers["/v1/models/u"] = [(503, {...}), (200, {...})]`; a key may begin with a method, as in
    `"DELETE /v1/models/u"`. Text is sent as is. `asked` lists the requested paths, `sent` the
    request bodies; while `gate` is clear, no request is answered.
    """

    def __init__(self):
        self.asked = []
        self.sent = []
        self.gate = threading.Event()
        self.gate.set()
        self._scripts = {}

    def __setitem__(self, path, script):
        self._scripts[path] = list(script)

    def take(self, method, path):
        self.asked.append(path)
        script = self._scripts.get(f"{method} {path}") or self._scripts.get(path)
        if script is None:
            return 404, {"detail": "Not Found"}
        return script.pop(0) if len(script) > 1 else script[0]


@contextmanager
def scripted_api():
    """Serve the responses at `answers.endpoint`."""
    made = Answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            if length:
                made.sent.append(json.loads(self.rfile.read(length)))
            status, content = made.take(self.command, unquote(self.path.partition("?")[0]))
            made.gate.wait(60)
            text = isinstance(content, str)
            data = (content if text else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if text else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET  # noqa: N815  # http.server's names

        def log_message(self, *_):
            pass

    with serving(Handler) as server:
        made.endpoint = server.endpoint
        try:
            yield made
        finally:
            made.gate.set()
