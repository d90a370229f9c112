"""`make engines`: the tables of the pages are what was seen, and every question finds an answer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "engines"))

import engine_pages
from engine_rows import ROWS
from object_rows import OBJECT_ROWS

FOLDER = Path(engine_pages.__file__).parent


@pytest.fixture
def docs(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_pages, "DOCS", tmp_path)
    monkeypatch.setattr(engine_pages, "KEPT", tmp_path / "engines.json")
    for name in ("engines.md", "langchain.md"):
        text = f"Before.\n\n{engine_pages.BEGIN}\n| last year |\n{engine_pages.END}\n\nAfter.\n"
        (tmp_path / name).write_text(text)
    return tmp_path


def seen(word):
    return {
        "ran": {"model": "coder 0.5B", "Xinference": "4.1.0"},
        "engine": {row.title: word for row in ROWS},
        "object": {row.title: "right" for row in OBJECT_ROWS},
    }


def test_what_was_seen_of_an_engine_is_kept_beside_the_others(docs):
    engine_pages.keep("vLLM", seen("works"))
    engine_pages.keep("llama.cpp", seen("ignored"))
    engine_pages.keep("vLLM", seen("refused"))
    page = (docs / "engines.md").read_text()
    assert page.startswith("Before.")
    assert page.endswith("After.\n")
    assert "last year" not in page
    assert "|  | llama.cpp | vLLM | what is done |" in page
    assert f"| {ROWS[0].title} | ignored | refused | {ROWS[0].done} |" in page
    assert "| model | coder 0.5B | coder 0.5B |  |" in page
    assert set(json.loads((docs / "engines.json").read_text())) == {"llama.cpp", "vLLM"}
    assert f"| {OBJECT_ROWS[0].title} | right | right |" in (docs / "langchain.md").read_text()


def test_the_published_tables_are_what_was_seen():
    every = engine_pages.kept()
    assert engine_pages.engine_table(every) in (engine_pages.DOCS / "engines.md").read_text()
    assert engine_pages.object_table(every) in (engine_pages.DOCS / "langchain.md").read_text()


def test_every_published_column_answers_every_question():
    for found in engine_pages.kept().values():
        assert set(found["engine"]) == {row.title for row in ROWS}
        assert set(found["object"]) == {row.title for row in OBJECT_ROWS}


@pytest.mark.server
def test_a_running_model_answers_every_question(server, tiny_chat):
    command = [sys.executable, FOLDER / "run.py", "--endpoint", server.endpoint, tiny_chat.gguf]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    head, *lines = done.stdout.splitlines()
    assert head == f"## {tiny_chat.gguf} on llama.cpp"
    found = dict(line.rsplit(": ", 1) for line in lines)
    assert list(found) == [row.title for row in (*ROWS, *OBJECT_ROWS)]
    # What the engine does whatever the model has learnt.
    assert found["`seed`"] == "works"
    assert found["`repetition_penalty`"] == "ignored"
    assert found["`response_format` with a JSON schema"] == "works"
    assert found["a JSON schema beside tools"] == "refused"
    assert found["usage in a stream, asked for"] == "once"
    assert found["`model` in the answer"] == "a path on the server"
    assert found["`json_schema`"] == "right"
