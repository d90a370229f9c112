"""A real IPython shell in this process, with the extension loaded."""

import atexit
from contextlib import contextmanager

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@contextmanager
def loaded_shell():
    """Yield a shell that keeps no history; it is removed when the block ends."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    made = InteractiveShell.instance(config=config)
    made.run_line_magic("load_ext", "xinference_magics")
    yield made
    made.run_line_magic("unload_ext", "xinference_magics")
    InteractiveShell.clear_instance()
    atexit.unregister(made.atexit_operations)  # thousands of these take minutes at exit
