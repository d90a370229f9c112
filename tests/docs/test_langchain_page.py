"""The examples on the LangChain page run."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "langchain.md"
SECTION = re.compile(r"^## ([\w, ]+)\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(SECTION.findall(PAGE.read_text()))


@pytest.fixture
def run(run_example, tiny_sight):
    names = {"my-vision-model": tiny_sight}
    return lambda title: run_example(EXAMPLES[title], title, names)


def test_every_example_is_tested():
    assert set(EXAMPLES) == {"Chat", "Structure", "Retrieval", "Images, sounds and videos"}
    assert PAGE.read_text().count("```python") == len(EXAMPLES)


def test_chat(run, capsys):
    assert "Eiffel Tower" in run("Chat")["answer"].content
    assert capsys.readouterr().out.count("Eiffel Tower") == 2


def test_structure(run):
    ada = run("Structure")["ada"]
    assert type(ada).__name__ == "Person"


def test_retrieval(run):
    found = run("Retrieval")
    assert len(found["found"]) == 3
    first, _ = found["best"]
    assert first.page_content == "Paris is in France."


def test_images(run, samples, monkeypatch, tmp_path):
    (tmp_path / "photo.png").write_bytes(samples.png("green"))
    monkeypatch.chdir(tmp_path)
    assert run("Images, sounds and videos")["answer"].content == "The image is green."
