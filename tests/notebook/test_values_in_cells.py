"""What a cell sends of values, and what it reports about those that it shortens."""

import numpy as np
import pandas as pd
import pytest
import recorded
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableLambda
from scripted_server import ScriptedServer, Stream

from xinference_magics import ChatXinference

NOTE = "Note: df: first 30 of 60 rows sent.\n"


@pytest.fixture
def server(shell):
    """A server whose model answers "Yes.", available as `llm` and as `other`."""
    with ScriptedServer(Stream(recorded.llama("Yes."))) as made:
        shell.user_ns["llm"] = ChatXinference(server_url=made.endpoint, model_uid="tiny")
        shell.user_ns["other"] = ChatXinference(server_url=made.endpoint, model_uid="another")
        shell.user_ns["df"] = pd.DataFrame({"a": np.arange(60) / 7})
        yield made


@pytest.mark.parametrize(
    "cell",
    [
        "%%chat -m llm\n{{df}}",
        "%%chat -m llm --bg\n{{df}}",
        "%%chat --compare llm,other\n{{df}}",
        "%%chat -m llm --show-prompt\n{{df}}",
    ],
)
def test_a_shortened_value_is_noted_once(shell, server, capsys, cell):
    shell.run_cell(cell).raise_error()
    assert capsys.readouterr().out.count(NOTE) == 1


def test_a_complete_value_is_not_noted(shell, server, capsys):
    shell.run_cell("%%chat -m llm\n{{df[:30]}} {{df.to_csv()}}").raise_error()
    assert "Note" not in capsys.readouterr().out
    assert "8.428571428571429" in server.bodies[-1]["messages"][-1]["content"]


def test_floats_are_sent_in_six_digits(shell, server):
    shell.run_cell("%%chat -m llm\n{{df}}").raise_error()
    assert "\n1,0.142857\n" in server.bodies[-1]["messages"][-1]["content"]


def test_an_answer_goes_into_the_next_prompt(shell, server):
    shell.run_cell("%chat -m llm -o answer Hello").raise_error()
    shell.run_cell("%chat -m llm --once Is {{answer}} {{answer.message}} right?").raise_error()
    assert server.bodies[-1]["messages"][-1]["content"] == "Is Yes. Yes. right?"


def test_an_image_of_16_bits_is_noted(shell, capsys):
    shell.user_ns["chain"] = RunnableLambda(lambda _asked: "It is grey.").with_types(
        input_type=list[BaseMessage]
    )
    shell.user_ns["scan"] = np.repeat(np.arange(64, dtype="uint16") * 1000, 9).reshape(64, 9)
    shell.run_cell("%chat -m chain --image scan What is this?").raise_error()
    assert (
        "Note: scan: values were scaled, 0 to black and 63,000 to white.\n"
        in capsys.readouterr().out
    )
