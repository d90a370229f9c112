"""A stand-in for `xinference-local`: accounts and a model process, up in a tenth of a second.

Environment variables control it: FAKE_END makes it exit at once with that text, FAKE_DELAY makes it
answer only after that many seconds, and FAKE_ORPHAN leaves the model process behind. FAKE_LINGER is
the path of a file: after SIGTERM, the server keeps answering, or with FAKE_CLOSE only stays alive,
until the file exists. Logins are counted in the folder of its database.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATABASE = Path(os.environ["XINFERENCE_AUTH_DB_PATH"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answers = {
            "/v1/cluster/auth": {"auth": os.environ["XINFERENCE_AUTH_ADVANCED"] == "1"},
            "/v1/cluster/version": {"version": "4.1.0"},
            "/v1/admin/setup/status": {"needs_setup": not DATABASE.exists()},
        }
        self.answer(200, answers[self.path])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/admin/setup":
            DATABASE.write_text(json.dumps([body["username"], body["password"]]))
            known = body["setup_token"] == "the-setup-token"  # noqa: S105
            self.answer(201 if known else 403, {"id": 1})
        elif self.path == "/token":
            good = DATABASE.exists() and json.loads(DATABASE.read_text()) == [*body.values()]
            with DATABASE.with_name("logins").open("a") as file:
                file.write("x")
            self.answer(200 if good else 401, {"access_token": token()})
        else:
            self.answer(201, {"key": "xf-" + "k" * 48})

    def answer(self, status, content):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def token():
    claims = {"exp": int(time.time()) + 1800, "at": time.time()}
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.sig"


def stop(*_):
    if "FAKE_CLOSE" in os.environ:
        server.socket.close()
    threading.Thread(target=end).start()


def end():
    linger = os.environ.get("FAKE_LINGER")
    while linger and not Path(linger).exists():
        time.sleep(0.02)
    if "FAKE_ORPHAN" not in os.environ:
        model.kill()
        model.wait()
    os._exit(0)


if __name__ == "__main__":
    if "FAKE_END" in os.environ:
        sys.exit(os.environ["FAKE_END"])
    model = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    signal.signal(signal.SIGTERM, stop)
    sys.stdout.write("Setup token: the-setup-token\n")
    sys.stdout.flush()
    time.sleep(float(os.environ.get("FAKE_DELAY", "0")))
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler)
    server.serve_forever()
