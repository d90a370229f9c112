"""A forward proxy like those in companies; it accepts host names that resolve nowhere else."""

import http.client
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from web_server import serving

HOP_BY_HOP = {"connection", "proxy-authorization", "proxy-connection", "transfer-encoding"}


@contextmanager
def forward_proxy(target):
    """Run a proxy that forwards every request to `target`, whatever host it names.

    Yields its URL and the list of requests it received, each as (URL, headers).
    """
    with serving(_Handler) as server:
        server.target, server.asked = urlsplit(target), []
        yield server.endpoint, server.asked


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.asked.append((self.path, dict(self.headers)))
        url, target = urlsplit(self.path), self.server.target
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        beyond = http.client.HTTPConnection(target.hostname, target.port)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        beyond.request(self.command, url.path, body, headers)
        self._pass_on(beyond.getresponse())
        beyond.close()

    def _pass_on(self, answer):
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(piece)

    def log_message(self, *_):
        """Stay silent."""
