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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripted_server import Reply, ScriptedServer

DATABASE = Path(os.environ["XINFERENCE_AUTH_DB_PATH"])


class FakeXinference(ScriptedServer):
    def script_for(self, request):
        answers = {
            "/v1/cluster/auth": {"auth": os.environ["XINFERENCE_AUTH_ADVANCED"] == "1"},
            "/v1/cluster/version": {"version": "4.1.0"},
            "/v1/admin/setup/status": {"needs_setup": not DATABASE.exists()},
        }
        if request.method == "GET":
            return Reply(body=answers[request.path])
        body = request.body
        if request.path == "/v1/admin/setup":
            DATABASE.write_text(json.dumps([body["username"], body["password"]]))
            known = body["setup_token"] == "the-setup-token"  # noqa: S105
            return Reply(201 if known else 403, {"id": 1})
        if request.path == "/token":
            good = DATABASE.exists() and json.loads(DATABASE.read_text()) == [*body.values()]
            with DATABASE.with_name("logins").open("a") as file:
                file.write("x")
            return Reply(200 if good else 401, {"access_token": token()})
        return Reply(201, {"key": "xf-" + "k" * 48})


def token():
    claims = {"exp": int(time.time()) + 1800, "at": time.time()}
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.sig"


def stop(*_):
    if "FAKE_CLOSE" in os.environ:
        server.refuse()
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
    server = FakeXinference(port=int(sys.argv[-1]))
    with server:
        threading.Event().wait()
