"""A server that gives one answer to every request, and a notebook that talks to it."""

import pytest
from loaded_shell import loaded_shell
from scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def says():
    """A server; it answers every request with `says.content`, or by path with `says.by_path`."""
    with ScriptedServer() as answers:
        answers.content, answers.by_path, answers.status = {}, {}, 200

        def take(_method, path):
            return answers.status, answers.by_path.get(path, answers.content)

        answers.take = take
        yield answers


@pytest.fixture(scope="module")
def shell(tmp_path_factory, says):
    """A shell with the extension, connected to that server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        patch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path_factory.mktemp("state")))
        with loaded_shell() as made:
            made.run_line_magic("config", f"XinferenceMagics.endpoint = {says.endpoint!r}")
            yield made
