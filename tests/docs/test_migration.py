"""The migration page: only imports change, and the changed code runs."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "migrating-from-langchain-xinference.md"
SECTION = re.compile(r"^## (\w+)\n\n```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = dict(SECTION.findall(PAGE.read_text()))


def changed(block, sign):
    return [line[1:] for line in block.splitlines() if line.startswith(sign)]


@pytest.mark.parametrize("title", BLOCKS)
def test_only_the_import_changes(title):
    [before] = changed(BLOCKS[title], "-")
    [after] = changed(BLOCKS[title], "+")
    assert re.fullmatch(r"from langchain_xinference(\.\w+)? import \w+", before)
    assert re.fullmatch(r"from xinference_magics import \w+( as \w+)?", after)
    assert before.split()[-1] == after.split()[-1]


@pytest.fixture
def run(run_example, tiny_text):
    """Run a block as it is after the change."""

    def run(title):
        lines = [line[1:] for line in BLOCKS[title].splitlines() if not line.startswith("-")]
        return run_example("\n".join(lines), title, {"my-text-model": tiny_text})

    return run


def test_chat(run, capsys):
    found = run("Chat")
    assert "Eiffel Tower" in found["answer"].content
    assert found["short"].response_metadata["finish_reason"] == "length"
    assert capsys.readouterr().out.count("Eiffel Tower") == 2


def test_tools(run):
    [call] = run("Tools")["answer"].tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})


def test_text(run):
    assert run("Text")["text"]


def test_embeddings(run):
    found = run("Embeddings")
    assert len(found["vector"]) == 64
    assert len(found["vectors"]) == 2


def test_rerank(run):
    scores = [each.metadata["relevance_score"] for each in run("Rerank")["best"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2
