"""A proxy in front of a real server that records the requests it receives."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import requests
from web_server import serving

HOP_BY_HOP = {"connection", "content-length", "content-encoding", "date", "server",
              "transfer-encoding"}  # fmt: skip


class Recorded:
    """The requests so far: their paths, and the bodies of those that have one."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.paths = []
        self.bodies = []


@contextmanager
def recording(server, moved=None):
    """Forward requests to the server at that URL; yields the recording.

    `moved` maps remote addresses in request bodies to their replacements on this machine.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._pass_on(None)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            recorded.bodies.append(json.loads(body))
            for elsewhere, here in (moved or {}).items():
                body = body.replace(elsewhere.encode(), here.encode())
            self._pass_on(body)

        def _pass_on(self, body):
            recorded.paths.append(self.path)
            own = {"Host", "Content-Length"}
            headers = {name: self.headers[name] for name in self.headers if name not in own}
            answer = requests.request(
                self.command, server + self.path, data=body, headers=headers, timeout=60
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_):
            pass

    with serving(Handler) as proxy:
        recorded = Recorded(proxy.endpoint)
        yield recorded
