"""What the package logs: stored to look at later, and passed to users with their own logging."""

import io
import logging
from contextlib import contextmanager

import pytest
import recorded
from scripted_server import Reply, ScriptedServer

from xinference_magics import ChatXinference
from xinference_magics.notebook.client_log import kept_lines

LOGGER = logging.getLogger("xinference_magics")
PROMPT = "Who is Ada?"


@contextmanager
def basic_config():
    """Add a handler to the root logger and set its level, as `logging.basicConfig()` does."""
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.addHandler(handler)
    logger.setLevel("WARNING")
    yield shown
    logger.setLevel(level)
    logger.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)


def logs(shell, options=""):
    return shell.run_cell(f"%xinference logs --client -n 500 {options}").result


def test_requests_and_causes_of_errors_are_stored(shell):
    whole = Reply(body=recorded.whole({"content": "An answer"}))
    with ScriptedServer(whole, Reply(body="{nonsense")) as server:
        shell.user_ns["llm"] = ChatXinference(server.endpoint, "tiny", api_key="sk-secret")
        shell.run_cell(f"llm.invoke({PROMPT!r})").raise_error()
        assert shell.run_cell(f"llm.invoke({PROMPT!r})").error_in_exec
        ids = [body["request_id"] for body in server.bodies]
    lines = logs(shell)
    calls = [line for line in lines if "POST /v1/chat/completions of tiny: " in line]
    for call, outcome, key in zip(calls, ("200", "ServerError"), ids, strict=True):
        assert " INFO xinference_magics.transport.inference: POST" in call
        assert f"tiny: {outcome} in 0." in call
        assert call.endswith(f"request {key}")
    assert "Traceback (most recent call last):" in lines
    assert any("MalformedError: invalid JSON" in line for line in lines)
    assert not [each for each in (PROMPT, "An answer", "sk-secret") if each in "\n".join(lines)]


def test_the_number_of_lines_and_options_that_conflict(shell):
    for number in range(5):
        LOGGER.info("number %d", number)
    assert [line[-8:] for line in shell.run_cell("%xinference logs --client -n 2").result] == [
        "number 3",
        "number 4",
    ]
    refused = shell.run_cell("%xinference logs my-model --client").error_in_exec
    assert "covers all models" in str(refused)


def test_what_looks_like_a_secret_is_left_out(shell):
    LOGGER.warning("Authorization: Bearer abc.def; http://me:hush@proxy:1; sk-12345")
    [line] = logs(shell)
    assert "proxy:1" in line
    assert not [each for each in ("abc", "hush", "12345") if each in line]
    LOGGER.warning("http://127.0.0.1:9997/v1 refused")
    assert logs(shell)[-1].endswith("http://127.0.0.1:9997/v1 refused")


def test_a_trait_sets_the_level(shell):
    LOGGER.debug("loud")
    shell.run_line_magic("config", "XinferenceMagics.log_level = 'WARNING'")
    LOGGER.info("quiet")
    LOGGER.warning("heard")
    assert [line.rsplit(": ")[-1] for line in logs(shell)] == ["loud", "heard"]
    shell.run_line_magic("config", "XinferenceMagics.log_level = 'SHOUT'")  # rejected
    assert shell.magics_manager.registry["XinferenceMagics"].log_level == "WARNING"


@pytest.mark.usefixtures("shell")
def test_handlers_of_the_user_see_what_they_saw_before():
    with basic_config() as shown:
        logging.getLogger("xinference_magics.transport.sync").info("quiet")
        assert shown.getvalue() == ""
        LOGGER.warning("heard")
        assert shown.getvalue() == "heard\n"
        LOGGER.setLevel("DEBUG")
        LOGGER.debug("asked for")
        assert shown.getvalue() == "heard\nasked for\n"


def test_unloading_restores_the_logger(shell):
    shell.run_line_magic("unload_ext", "xinference_magics")
    # pytest adds its own handlers to a logger that does not propagate.
    ours = [each for each in LOGGER.handlers if not type(each).__module__.startswith("_pytest")]
    assert [type(each) for each in ours] == [logging.NullHandler]
    assert (LOGGER.level, LOGGER.propagate, kept_lines()) == (logging.NOTSET, True, [])
    shell.run_line_magic("load_ext", "xinference_magics")
    LOGGER.setLevel("ERROR")  # set by the user, so it stays
    shell.run_line_magic("unload_ext", "xinference_magics")
    assert LOGGER.level == logging.ERROR
    LOGGER.setLevel(logging.NOTSET)
    shell.run_line_magic("load_ext", "xinference_magics")


def test_only_the_last_records_are_kept(shell):
    for number in range(1200):
        LOGGER.info("number %d", number)
    assert len(kept_lines()) == 1000
    assert kept_lines()[-1].endswith("number 1199")
