"""A real IPython shell."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell of its own for each test, with the extension loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    made = InteractiveShell.instance(config=config)
    made.run_line_magic("load_ext", "xinference_magics")
    yield made
    made.run_line_magic("unload_ext", "xinference_magics")
    InteractiveShell.clear_instance()


@pytest.fixture
def magics(shell):
    return shell.magics_manager.registry["XinferenceMagics"]
