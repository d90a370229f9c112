"""Kernels and servers for tests from end to end."""

import http.server
import os
import socket
import threading

import pytest
from kernel_driver import Kernel


@pytest.fixture
def kernel_env(server, tmp_path):
    """The environment of a kernel that talks to the test server and leaves nothing behind."""
    return {
        **os.environ,
        "XINFERENCE_ENDPOINT": server.endpoint,
        "XINFERENCE_MAGICS_STATE": str(tmp_path / "state"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@pytest.fixture
def kernel(kernel_env):
    """A kernel with the extension loaded."""
    made = Kernel(kernel_env)
    assert made.run("%load_ext xinference_magics").status == "ok"
    yield made
    made.close()


@pytest.fixture
def web_server():
    """A web server that is no Xinference."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<html>It works!</html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


@pytest.fixture(scope="module")
def unused_port():
    """A port on which nothing listens, for a whole module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
