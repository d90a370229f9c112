"""A login server for what a real one is too slow to show: races when a token expires.

As with Xinference, refresh tokens work once, access tokens expire, and bad ones are counted.
"""

import base64
import json
import threading
import time
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def end_token(login, server):
    """Expire a login's access token now, here and on the server, as half an hour would."""
    login.keep(replace(login.kept, expires=0.0))
    server.end_all()


class TokenServer:
    """A server at `endpoint` where users log in with the password "right".

    Args:
        life: The lifetime of an access token, in seconds.
        delay: Seconds before a refresh is answered.
        ahead: How many seconds this server's clock is ahead of ours.
    """

    def __init__(self, life=1800.0, delay=0.0, ahead=0.0):
        self.life, self.delay, self.ahead = life, delay, ahead
        self.counts = dict.fromkeys(("login", "refresh", "refused refresh", "bad", "good"), 0)
        self.refreshing = True  # whether refresh tokens are accepted
        self.accepting = True  # whether access tokens are
        self.ended = []
        self._refresh_tokens = set()
        self._access = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.request_queue_size = 128
        self._http.socket.listen(128)
        self._http.daemon_threads = True
        self._http.script = self
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self):
        serve = {"poll_interval": 0.01}
        threading.Thread(target=self._http.serve_forever, kwargs=serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    @property
    def now(self):
        return time.time() + self.ahead

    def answer(self, path, body, token):
        if path in {"/token", "/v1/auth/refresh", "/v1/auth/logout"}:
            return getattr(self, path.rpartition("/")[2])(body)
        with self._lock:
            good = self.accepting and self._access.get(token, 0) > self.now
            if token is not None:
                self.counts["good" if good else "bad"] += 1
        return (200, ANSWER) if good else (401, {"detail": "Could not validate credentials"})

    def token(self, body):
        self.counts["login"] += 1
        if body["password"] != "right":  # noqa: S105
            return 401, {"detail": "Incorrect username or password"}
        return 200, self.new()

    def refresh(self, body):
        time.sleep(self.delay)
        with self._lock:
            if not self.refreshing or body["refresh_token"] not in self._refresh_tokens:
                self.counts["refused refresh"] += 1
                return 401, {"detail": "Invalid or expired refresh token"}
            self._refresh_tokens.remove(body["refresh_token"])
            self.counts["refresh"] += 1
        return 200, self.new()

    def logout(self, body):
        self.ended.append(body["refresh_token"])
        return 200, {}

    def end_all(self):
        """Expire every access token now."""
        with self._lock:
            self._access = dict.fromkeys(self._access, 0)

    def new(self):
        with self._lock:
            number = len(self._access)
            claims = {"exp": self.now + self.life, "type": "access", "number": number}
            middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            access, refresh = f"e30.{middle}.sig", f"refresh-{number}"
            self._access[access] = claims["exp"]
            self._refresh_tokens.add(refresh)
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        authorization = self.headers.get("Authorization")
        token = authorization and authorization.removeprefix("Bearer ")
        status, content = self.server.script.answer(self.path, body, token)
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST  # noqa: N815  # http.server's name

    def date_time_string(self, timestamp=None):
        return formatdate(self.server.script.now, usegmt=True)

    def log_message(self, *_):
        pass
