"""A login server for what a real one is too slow to show: races when a token expires.

As with Xinference, refresh tokens work once, access tokens expire, and bad ones are counted.
"""

import base64
import json
import threading
import time
from dataclasses import replace

from scripted_server import Reply, ScriptedServer

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


class TokenServer(ScriptedServer):
    """A server at `endpoint` where users log in with the password "right".

    Args:
        life: The lifetime of an access token, in seconds.
        delay: Seconds before a refresh is answered.
        ahead: How many seconds this server's clock is ahead of ours.
    """

    LOGINS = ("/token", "/v1/auth/refresh", "/v1/auth/logout")

    def __init__(self, life=1800.0, delay=0.0, ahead=0.0):
        super().__init__()
        self.life, self.delay, self.ahead = life, delay, ahead
        self.counts = dict.fromkeys(("login", "refresh", "refused refresh", "bad", "good"), 0)
        self.refreshing = True  # whether refresh tokens are accepted
        self.accepting = True  # whether access tokens are
        self.ended = []
        self._refresh_tokens = set()
        self._access = {}
        self._lock = threading.Lock()

    @property
    def now(self):
        return time.time() + self.ahead

    def script_for(self, request):
        if request.path in self.LOGINS:
            return Reply(*getattr(self, request.path.rpartition("/")[2])(request.body))
        authorization = request.headers.get("Authorization")
        token = authorization and authorization.removeprefix("Bearer ")
        with self._lock:
            good = self.accepting and self._access.get(token, 0) > self.now
            if token is not None:
                self.counts["good" if good else "bad"] += 1
        if good:
            return Reply(body=ANSWER)
        return Reply(401, {"detail": "Could not validate credentials"})

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
