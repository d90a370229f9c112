"""Kernels and servers for tests from end to end."""

import pytest
from kernel_driver import Kernel, environment
from web_server import answering


@pytest.fixture
def kernel_env(server, tmp_path):
    """The environment of a kernel that talks to the test server and leaves nothing behind."""
    return environment(tmp_path, XINFERENCE_ENDPOINT=server.endpoint)


@pytest.fixture
def kernel(kernel_env):
    """A kernel with the extension loaded."""
    made = Kernel.loaded(kernel_env)
    yield made
    made.close()


@pytest.fixture
def chatting(kernel, tiny_chat):
    """A kernel that asks the tiny model, which always answers the same."""
    kernel.run(f"%xinference use {tiny_chat.gguf}\n%config XinferenceMagics.temperature = 0.0")
    return kernel


@pytest.fixture
def in_kernel_env(kernel_env, monkeypatch):
    """Let other programs than `kernel` start kernels in its environment."""
    for name, value in kernel_env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def web_server():
    """A web server that is no Xinference."""
    with answering(b"<html>It works!</html>", "text/html") as url:
        yield url
