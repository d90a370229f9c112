"""Loading adds magics, unloading restores the shell, and neither imports heavy modules."""

import math
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError

HEAVY = ("langchain_core", "aiohttp", "requests", "pydantic", "ipywidgets", "xinference_client")


def state(shell):
    return {
        "line": dict(shell.magics_manager.magics["line"]),
        "cell": dict(shell.magics_manager.magics["cell"]),
        "registry": dict(shell.magics_manager.registry),
        "configurables": list(shell.configurables),
        "cleanup": list(shell.input_transformers_cleanup),
        "matchers": list(shell.Completer.custom_matchers),
        "display_hook": shell.display_trap.hook,
        "events": {name: list(each) for name, each in shell.events.callbacks.items()},
        "printers": [
            (dict(each.type_printers), dict(each.deferred_printers))
            for each in (
                shell.display_formatter.ipython_display_formatter,
                shell.display_formatter.mimebundle_formatter,
            )
        ],
    }


def test_unload_restores_what_load_found():
    shell = InteractiveShell.instance()
    before = state(shell)
    shell.extension_manager.load_extension("xinference_magics")
    assert state(shell) != before
    shell.extension_manager.unload_extension("xinference_magics")
    assert state(shell) == before
    InteractiveShell.clear_instance()


def test_loading_is_silent_and_imports_nothing_heavy():
    code = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "xinference_magics")
assert not set(sys.modules) & set({HEAVY!r}), set(sys.modules) & set({HEAVY!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def test_a_terminal_prints_what_a_cell_has_shown_once(shell, capsys):
    shell.user_ns["plain"] = str.upper
    shell.run_cell("%conversation use trips").raise_error()
    shell.run_cell("%chat -m plain Hello").raise_error()
    said = capsys.readouterr().out
    assert "Current: trips, 0 turns." in said
    assert said.count("HELLO") == 1
    assert "Out[" not in said
    assert shell.user_ns["_"].text == "HELLO"
    shell.run_cell("_")
    assert "Out[" in (said := capsys.readouterr().out)
    assert "HELLO" in said


def test_reload_and_a_second_load_do_no_harm(shell):
    shell.run_line_magic("reload_ext", "xinference_magics")
    shell.run_line_magic("load_ext", "xinference_magics")
    assert shell.find_cell_magic("chat").__self__ is shell.find_line_magic("xinference").__self__


@pytest.fixture
def other(shell):
    """Another extension's ``chat``, registered before ours is loaded."""
    shell.run_line_magic("unload_ext", "xinference_magics")

    def chat(line, cell=None):
        return f"other: {line}"

    shell.register_magic_function(chat, "line")
    shell.register_magic_function(chat, "cell")
    yield chat
    for table in shell.magics_manager.magics.values():
        table.pop("chat", None)


def test_a_chat_of_another_extension_is_not_overridden(shell, other, capsys):
    shell.run_line_magic("load_ext", "xinference_magics")
    said = capsys.readouterr().out
    assert "%chat belongs to another extension and was left alone: use %xchat, or" in said
    assert "%%chat belongs to another extension and was left alone: use %%xchat, or" in said
    assert shell.run_line_magic("chat", "x") == "other: x"
    assert shell.find_cell_magic("xchat") is not None
    shell.run_line_magic("unload_ext", "xinference_magics")
    assert shell.run_line_magic("chat", "x") == "other: x"
    shell.run_line_magic("load_ext", "xinference_magics")


def test_a_trait_takes_chat_over_and_unload_gives_it_back(shell, other):
    shell.run_line_magic("load_ext", "xinference_magics")
    shell.run_line_magic("config", "XinferenceMagics.override_chat = True")
    assert shell.find_cell_magic("chat").__self__.__class__.__name__ == "XinferenceMagics"
    shell.run_line_magic("unload_ext", "xinference_magics")
    assert shell.run_line_magic("chat", "x") == "other: x"
    shell.run_line_magic("load_ext", "xinference_magics")


def test_unload_leaves_what_is_no_longer_ours(shell):
    def chat(line, cell=None):
        return "later"

    shell.register_magic_function(chat, "cell")
    shell.run_line_magic("unload_ext", "xinference_magics")
    assert shell.find_cell_magic("chat") is chat
    del shell.magics_manager.magics["cell"]["chat"]
    shell.run_line_magic("load_ext", "xinference_magics")


def test_a_configuration_file_sets_traits(shell):
    shell.run_line_magic("unload_ext", "xinference_magics")
    given = shell.config.XinferenceMagics
    given.endpoint, given.temperature, given.override_chat = "http://gpu:9997", 0.5, True
    shell.run_line_magic("load_ext", "xinference_magics")
    magics = shell.magics_manager.registry["XinferenceMagics"]
    assert (magics.endpoint, magics.temperature) == ("http://gpu:9997", 0.5)


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout"])
@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_a_timeout_that_no_socket_can_have_is_refused(shell, name, seconds):
    magics = shell.magics_manager.registry["XinferenceMagics"]
    with pytest.raises(TraitError):
        setattr(magics, name, seconds)


def test_config_documents_every_trait(shell, capsys):
    shell.run_line_magic("config", "XinferenceMagics")
    shown = capsys.readouterr().out
    for trait in ("endpoint", "name", "temperature", "max_tokens", "frame_rate", "read_timeout"):
        assert f"XinferenceMagics.{trait}=" in shown


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("%chat does this end?", "get_ipython().run_line_magic('chat', 'does this end?')\n"),
        ("x = %chat why? ", "x = get_ipython().run_line_magic('chat', 'why?')\n"),
        ("if 1:\n    %chat why?\n", "if 1:\n    get_ipython().run_line_magic('chat', 'why?')\n"),
        (
            "%xinference chat What's new?",
            "get_ipython().run_line_magic('xinference', \"chat What's new?\")\n",
        ),
        ("%xinference chat?", "get_ipython().run_line_magic('xinference', 'chat --help')\n"),
        ("%generate Is it?", "get_ipython().run_line_magic('generate', 'Is it?')\n"),
        ("%chat What's new?", "get_ipython().run_line_magic('chat', \"What's new?\")\n"),
        ("%chat it's {x} and $y", "get_ipython().run_line_magic('chat', \"it's {x} and $y\")\n"),
        (
            "%xinference launch?",
            "get_ipython().run_line_magic('xinference', 'launch --help')\n",
        ),
        ("s = '''\n%chat why?\n'''\n", "s = '''\n%chat why?\n'''\n"),
        ("%%chat\nIs it?\n", "get_ipython().run_cell_magic('chat', '', 'Is it?\\n')\n"),
    ],
)
def test_questions_reach_the_magic(shell, cell, code):
    assert shell.transform_cell(cell) == code
