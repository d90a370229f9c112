"""A real IPython shell."""

import pytest
from loaded_shell import loaded_shell


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A separate shell for each test, with the extension loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    with loaded_shell() as made:
        yield made


@pytest.fixture
def magics(shell):
    return shell.magics_manager.registry["XinferenceMagics"]
