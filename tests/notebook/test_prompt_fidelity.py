"""What is typed into a chat cell reaches the server byte for byte, through a real IPython."""

import re

import pytest
import recorded
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted_server import ScriptedServer, Stream

from xinference_magics import ChatXinference

PIECES = st.sampled_from(
    [
        *('{"a": {"b": [1, 2]}}', "{country}", "{country!r:>{width}}", "f'{x}'", "${HOME}", "$x"),
        *(r"\frac{a}{b}", r"$\int_0^1$", "\\", "\\\\", "\\n", r"C:\new\table", "\\{", "}}", "}}}"),
        *("?", "??", "!ls", "%time", "%%timeit", "# comment", "#", ";", "= !ls", "x = %pwd"),
        *("'", '"', "'''", '"""', "it's", 'say "yes', "(", "[", ")", "`", "```"),
        *(">>> 1 + 1", "... 2", "In [1]: x", "Out[1]: y", "--new", "-t 0", "<<", "--"),
        *("\t", "  ", "\u2028", "\x0b", "\x0c", "\x1c", "\x85", "\r", "\x00", "\x1b[31m"),
        *("é", "e\u0301", "世界", "😀", "\u202e", "\ufeff", "\ue000", "\U0010ffff"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=8) | st.just("\n"), max_size=12).map("".join)


def is_prompt(text):
    return "{{" not in text and text.strip() != ""


@pytest.fixture
def sent(shell):
    """Run a cell and return what the server was asked."""
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
@given(text=TEXTS.filter(is_prompt))
@example(text=">>> 1 + 1\n2\n\n    ... and now?")
@example(text="In [1]: x\n   ...: y")
@example(text="\n\n  leading and trailing\n\n")
def test_a_cell_arrives_byte_for_byte(sent, text):
    # Whether the last line ends in a line break, no front end tells.
    assert sent(f"%%chat -m llm --once\n{text}") == text.removesuffix("\n")


@ONE_SHELL
@given(text=TEXTS.filter(is_prompt).map(lambda text: re.sub(r"[\r\n]", " ", text).strip()))
@example(text="does this end?")
@example(text="is it {country}??")
@example(text="a\u2028b")
@example(text="C:\\new\\")
@example(text="x = !ls")
def test_a_line_arrives_byte_for_byte(sent, text):
    assert sent(f"%chat -m llm --once -- {text}") == text
