"""Kernels and servers for tests from end to end."""

import os
import socket

import pytest
from kernel_driver import Kernel
from web_server import answering


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

    with answering(b"<html>It works!</html>", "text/html") as url:
        yield url


@pytest.fixture(scope="module")
def unused_port():
    """A port on which nothing listens, for a whole module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
