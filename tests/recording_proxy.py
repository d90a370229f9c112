"""An HTTP proxy that records the requests it passes on.

It works as an address of its own, and as a forward proxy like those in companies, which accepts
host names that resolve nowhere else.
"""

import json

import requests
from scripted_server import Reply, ScriptedServer, Stream

OF_ONE_CONNECTION = {"connection", "content-encoding", "content-length", "date", "host",
                     "proxy-authorization", "proxy-connection", "server",
                     "transfer-encoding"}  # fmt: skip


class RecordingProxy(ScriptedServer):
    """A proxy to the server at a URL; `requests` holds what passed.

    Args:
        target: The server that gets every request, whatever host it names.
        moved: Remote addresses in request bodies, and their replacements on this machine.
    """

    def __init__(self, target, moved=None):
        super().__init__()
        self._target = target
        self._moved = moved or {}
        self._session = requests.Session()
        self._session.trust_env = False  # a forward proxy is in its own environment

    def script_for(self, request):
        body = None if request.body is None else json.dumps(request.body)
        for elsewhere, here in self._moved.items():
            body = body and body.replace(elsewhere, here)
        _, _, query = request.url.partition("?")
        answer = self._session.request(
            request.method,
            self._target + request.path,
            params=query,
            data=body,
            headers=_passed_on(request.headers),
            stream=True,
            timeout=60,
        )
        if "event-stream" in answer.headers.get("Content-Type", ""):
            return Stream(answer.iter_content(None), done=False)
        return Reply(answer.status_code, answer.content, _passed_on(answer.headers))


def _passed_on(headers):
    return {name: value for name, value in headers.items() if name.lower() not in OF_ONE_CONNECTION}
