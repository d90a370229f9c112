"""The input of a chat cell reaches the server byte for byte, through a real IPython."""

import re

import pytest
import recorded
from hypothesis import HealthCheck, example, given, settings
from scripted_server import ScriptedServer, Stream
from typed_prompts import PROMPTS

from xinference_magics import ChatXinference


@pytest.fixture
def sent(shell):
    """Run a cell, and return the prompt that the server received."""
    with ScriptedServer(Stream(recorded.llama("Yes."))) as server:
        shell.user_ns.update(
            llm=ChatXinference(server_url=server.endpoint, model_uid="tiny"),
            country="France",
            x=1,
            width=9,
        )

        def run(cell):
            before = len(server.bodies)
            result = shell.run_cell(cell)
            result.raise_error()
            [body] = server.bodies[before:]
            return body["messages"][-1]["content"]

        yield run


ONE_SHELL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ONE_SHELL
@given(text=PROMPTS)
@example(text=">>> 1 + 1\n2\n\n    ... and now?")
@example(text="In [1]: x\n   ...: y")
@example(text="\n\n  leading and trailing\n\n")
def test_a_cell_arrives_byte_for_byte(sent, text):
    # No frontend reports whether the last line ends in a line break.
    assert sent(f"%%chat -m llm --once\n{text}") == text.removesuffix("\n")


@ONE_SHELL
@given(text=PROMPTS.map(lambda text: re.sub(r"[\r\n]", " ", text).strip()))
@example(text="does this end?")
@example(text="is it {country}??")
@example(text="a\u2028b")
@example(text="a\x0c>>> b")
@example(text="C:\\new\\")
@example(text="x = !ls")
def test_a_line_arrives_byte_for_byte(sent, text):
    assert sent(f"%chat -m llm --once -- {text}") == text
