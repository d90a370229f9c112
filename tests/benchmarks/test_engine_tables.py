"""`make engines`: the tables show what was observed, and every question gets an answer."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_server import Reply, ScriptedServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "engines"))

import engine_pages
import standard_rows
from asking import Model
from parts import PARTS, Part
from row import IGNORED, WORKS, Row

from xinference_magics.errors import XinferenceError
from xinference_magics.wire.engines import ignored_options
from xinference_magics.wire.request import Request

pytestmark = pytest.mark.long

FOLDER = Path(engine_pages.__file__).parent


@pytest.fixture
def docs(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_pages, "DOCS", tmp_path)
    monkeypatch.setattr(engine_pages, "KEPT", tmp_path / "engines.json")
    for page in {part.page for part in PARTS.values()}:
        tables = "".join(
            f"<!-- table: {name} -->\n| last year |\n<!-- end of table: {name} -->\n\nAfter.\n"
            for name, part in PARTS.items()
            if part.page == page
        )
        (tmp_path / page).write_text(f"Before.\n\n{tables}")
    return tmp_path


def seen(part, word):
    rows = {row.title: word for row in PARTS[part].rows}
    return {"ran": {"model": "coder 0.5B", "server": "4.1.0", "day": "2026-11-30"}, "rows": rows}


def test_observations_of_an_engine_are_saved_next_to_the_others(docs):
    engine_pages.keep("requests", "vLLM", seen("requests", "works"))
    engine_pages.keep("requests", "llama.cpp", seen("requests", "ignored"))
    engine_pages.keep("requests", "vLLM", seen("requests", "refused"))
    engine_pages.keep("objects", "vLLM", seen("objects", "right"))
    page = (docs / "engines.md").read_text()
    assert page.startswith("Before.")
    assert page.endswith("After.\n")
    assert page.count("| last year |") == 1  # the table of another part
    assert "|  | llama.cpp | vLLM | what is done |" in page
    first = PARTS["requests"].rows[0]
    assert f"| {first.title} | ignored | refused | {first.done} |" in page
    assert "| model | coder 0.5B | coder 0.5B |  |" in page
    assert "| seen on | 2026-11-30 | 2026-11-30 |  |" in page
    kept = json.loads((docs / "engines.json").read_text())
    assert {part: set(engines) for part, engines in kept.items()} == {
        "requests": {"llama.cpp", "vLLM"},
        "objects": {"vLLM"},
    }
    of_objects = (docs / "langchain.md").read_text()
    assert f"| {PARTS['objects'].rows[0].title} | right |\n" in of_objects


def test_a_table_of_tests_names_their_version(docs):
    found = seen("standard", "3 of 3")
    found["ran"]["suite"] = "langchain-tests 1.1.9"
    engine_pages.keep("standard", "vLLM", found)
    page = (docs / "langchain.md").read_text()
    assert "| tools and agents | 3 of 3 |" in page
    assert "| tests | langchain-tests 1.1.9 |" in page


@pytest.mark.parametrize("name", PARTS)
def test_each_page_has_a_place_for_its_table(name):
    page = (engine_pages.DOCS / PARTS[name].page).read_text("utf-8")
    assert page.count(f"<!-- table: {name} -->") == 1
    assert page.count(f"<!-- end of table: {name} -->") == 1


@pytest.mark.parametrize("name", engine_pages.kept())
def test_the_published_tables_are_the_saved_observations(name):
    part, engines = PARTS[name], engine_pages.kept()[name]
    page = (engine_pages.DOCS / part.page).read_text("utf-8")
    assert engine_pages.table_of(part, engines) in page
    for found in engines.values():
        assert list(found["rows"]) == [row.title for row in part.rows]


WARNED = [
    pytest.param(engine, row, found["rows"][row.title], id=f"{engine}, {row.title}")
    for engine, found in engine_pages.kept()["requests"].items()
    for row in PARTS["requests"].rows
    if row.warned and found["rows"][row.title] in (IGNORED, WORKS)
]


@pytest.mark.parametrize(("engine", "row", "seen"), WARNED)
def test_an_option_that_was_seen_to_be_ignored_causes_a_warning(engine, row, seen):
    warnings = list(ignored_options(Request(row.warned, engine.casefold())))
    assert len(warnings) == (seen == IGNORED)


def test_an_interrupt_keeps_what_was_seen_before_it():
    def stopped(_):
        raise KeyboardInterrupt

    rows = (Row("a", lambda _: "works"), Row("b", stopped), Row("c", lambda _: "works"))
    ask = runpy.run_path(str(FOLDER / "run.py"))["seen"]
    assert ask(Part("engines.md", rows), None) == {"a": "works", "b": "not run", "c": "not run"}


def run(*arguments):
    command = [sys.executable, FOLDER / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=380)


def test_an_unreachable_server_is_reported_in_one_line():
    done = run("--endpoint", "http://127.0.0.1:9", "tiny")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_running_model_needs_its_server():
    done = run("tiny")
    assert done.returncode == 2
    assert "--endpoint URL says where these models run" in done.stderr


def test_nothing_is_saved_about_a_model_that_died():
    before = engine_pages.kept()
    described = {"model_engine": "vLLM", "model_name": "gone", "model_ability": ["chat"]}
    gone = Reply(500, {"detail": "Model gone-rep0 is in stopping state"})
    with ScriptedServer(gone) as server:
        server["*"] = Reply(body=described)
        done = run("--endpoint", server.endpoint, "gone", "--only", "requests", "--keep")
    assert done.returncode == 1
    assert "gone stopped answering, so nothing was kept." in done.stderr
    assert engine_pages.kept() == before


@pytest.mark.server
@pytest.mark.parametrize(
    ("engine", "parts", "found"),
    [
        (
            "gguf",
            ["requests", "objects"],
            {
                "`seed`": "works",
                "`repetition_penalty`": "ignored",
                "`response_format` with a JSON schema": "works",
                "usage in a stream, asked for": "once",
                "`model` in the answer": "a path on the server",
                "`with_structured_output`, its default": "right",
            },
        ),
        (
            "pt",
            ["requests"],
            {
                "`seed`": "ignored",
                "`repetition_penalty`": "works",
                "`response_format` with a JSON schema": "ignored",
                "usage in a stream, asked for": "twice",
                "`model` in the answer": "the UID",
            },
        ),
    ],
)
def test_a_running_model_answers_every_question(server, tiny_chat, engine, parts, found):
    """`found` is what the engine does, regardless of what the model has learned."""
    done = run("--endpoint", server.endpoint, getattr(tiny_chat, engine), "--only", *parts)
    assert not done.stderr
    _, *lines = done.stdout.splitlines()
    answers = [line.rsplit(": ", 1) for line in lines]
    assert [title for title, _ in answers] == [
        row.title for name in parts for row in PARTS[name].rows
    ]
    assert found.items() <= dict(answers).items()


@pytest.mark.server
def test_the_standard_tests_count_what_passed_and_name_what_did_not(server, tiny_chat):
    few = "test_usage_metadata"  # and test_usage_metadata_streaming
    running, missing = (Model(server.endpoint, uid) for uid in (tiny_chat.gguf, "no-such-model"))
    assert standard_rows.passed("TestRunning", few, running) == "2 of 2"
    failed = standard_rows.passed("TestRunning", few, missing)
    assert failed == "0 of 2, not `test_usage_metadata`, `test_usage_metadata_streaming`"
    with pytest.raises(XinferenceError, match="The standard tests did not run: "):
        standard_rows.passed("TestNothing", few, running)


@pytest.mark.server
def test_a_model_is_launched_and_terminated_for_the_run(cluster, tiny_registered):
    before = {model.uid for model in cluster.models()}
    done = run(
        *("--endpoint", cluster.endpoint, "--model", "tiny-think", "--engines", "llama.cpp"),
        *("--only", "reasoning"),
    )
    assert not done.stderr
    head, *answers = done.stdout.splitlines()
    assert head.endswith(" on llama.cpp")
    assert answers == [
        "reasoning of hybrid models, unless asked for: on",
        "`enable_thinking=False`: works",
        "reasoning, streamed: apart from the text",
        "reasoning of a non-streamed answer (`invoke`): left out",
    ]
    assert {model.uid for model in cluster.models()} == before
