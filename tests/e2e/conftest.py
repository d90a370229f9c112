"""Kernels and servers for end-to-end tests."""

import shutil

import pytest
from kernel_driver import Kernel, environment
from scripted_server import Reply, ScriptedServer

REMEMBER = """
import os
get_ipython().at_first = dict(os.environ), os.getcwd()
del os
"""
RENEW = """
import os
environment, folder = get_ipython().at_first
os.environ.clear()
os.environ.update(environment)
os.chdir(folder)
get_ipython().run_line_magic("unload_ext", "xinference_magics")
get_ipython().config.pop("XinferenceMagics", None)
get_ipython().reset(new_session=True)
"""
"""Code that makes a running kernel as good as a new one."""


@pytest.fixture(scope="module")
def user_folder(tmp_path_factory):
    """The folder of the user who runs a module's kernels."""
    return tmp_path_factory.mktemp("user")


@pytest.fixture
def kernel_env(server, user_folder):
    """The environment of a kernel that talks to the test server and leaves nothing behind."""
    made = environment(user_folder, XINFERENCE_ENDPOINT=server.endpoint)
    shutil.rmtree(made["XINFERENCE_MAGICS_STATE"], ignore_errors=True)
    return made


@pytest.fixture(scope="module")
def kernels():
    """A list that holds the kernel shared by a module's tests, once it runs."""
    running = []
    yield running
    for each in running:
        each.close()


@pytest.fixture
def kernel(kernel_env, kernels):
    """A kernel with the extension loaded and no state from earlier tests."""
    if not kernels or not kernels[0].is_renewed(RENEW):
        kernels[:] = [Kernel(kernel_env)]
        kernels[0].run(REMEMBER)
        assert kernels[0].is_renewed(RENEW)
    assert kernels[0].run("%load_ext xinference_magics").status == "ok"
    return kernels[0]


@pytest.fixture
def chatting(kernel, tiny_chat):
    """A kernel that uses the tiny model, which always gives the same answers."""
    kernel.run(f"%xinference use {tiny_chat.gguf}\n%config XinferenceMagics.temperature = 0.0")
    return kernel


@pytest.fixture
def in_kernel_env(kernel_env, monkeypatch):
    """Make programs other than `kernel` start kernels in its environment."""
    for name, value in kernel_env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def web_server():
    """A web server that isn't Xinference."""
    with ScriptedServer() as web:
        web["*"] = Reply(body="<html>It works!</html>", headers={"Content-Type": "text/html"})
        yield web.endpoint
