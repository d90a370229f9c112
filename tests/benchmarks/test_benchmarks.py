"""The parts of the benchmarks work; speed is not asserted here."""

import json
import sys
import time
import xml.etree.ElementTree as ET
from importlib import import_module
from pathlib import Path

import pytest

from xinference_magics import ChatXinference

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import report
from environments import Environment
from measures import NAMES
from rows import Row, Table, interleaved, number, ratio
from servers import scripted
from streaming_server import PROSE, tokens

pytestmark = pytest.mark.long

BENCHMARKS = Path(report.__file__).parent


@pytest.fixture(scope="module")
def server():
    with scripted() as running:
        yield running


TABLES = [
    Table(
        "load",
        "Loading <it>",
        (
            Row("time", "s", 0.012, {"other": 1.5, "gone": "not installed"}, "<= 1", True),
            Row("memory", "MB", 200.0, {"other": 100.0}, "<= 100 MB", False),
        ),
    ),
    Table("batch", "Many at once", (Row("rate", "answers/s", 1234.5),)),
]


@pytest.mark.parametrize("shape", ["llama", "transformers"])
@pytest.mark.parametrize("rate", ["", "-2000"])
def test_the_scripted_server_streams_all_tokens_in_an_engine_format(server, shape, rate):
    llm = ChatXinference(server.endpoint, f"{shape}-500{rate}")
    chunks = list(llm.stream("Count."))
    assert "".join(chunk.text for chunk in chunks) == "".join(tokens(500))
    assert chunks[-1].response_metadata["finish_reason"] == "stop"
    answer = server.log()[-1]
    assert 0 < answer["asked"] <= answer["first"] <= answer["last"]


def test_the_scripted_server_records_when_a_reader_disconnects(server):
    stream = ChatXinference(server.endpoint, "llama-5000-10").stream("Count.")
    next(stream)
    assert not server.log()[-1]["left"]
    stream.close()
    deadline = time.monotonic() + 120
    while not server.log()[-1]["left"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_tokens_repeat_the_prose():
    assert PROSE.startswith("".join(tokens(30)))
    assert "".join(tokens(2_000)).startswith(PROSE * 2)


def test_a_program_runs_in_an_environment_and_measures_both_ways(server):
    here = Environment(Path(sys.executable))
    found = json.loads(here.run("batch.py", server.endpoint, "reply-1", "1").stdout)
    assert {name: len(seconds) for name, seconds in found.items()} == {"ours": 1, "raw": 1}


def test_each_measure_is_listed_and_has_a_title():
    files = {path.stem for path in (BENCHMARKS / "measures").glob("*.py")} - {"__init__"}
    assert files == set(NAMES)
    for name in NAMES:
        module = import_module(f"measures.{name}")
        assert module.TITLE
        assert callable(module.measure)


def test_each_way_takes_its_turn_and_warmup_does_not_count():
    clock = iter(range(100))
    found = interleaved({"a": lambda: next(clock), "b": lambda: next(clock)}, 2, warm=1)
    assert found == {"a": [2, 5], "b": [3, 4]}
    assert ratio([2, 3, 8], [1, 1, 1]) == 3


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [(0.0123, "s", "12.3 ms"), (2.5, "s", "2.5 s"), (20000, "", "20,000"), ("none", "s", "none")],
)
def test_figures_are_rounded_to_the_digits_that_matter(value, unit, written):
    assert number(value, unit) == written


def test_results_are_saved_next_to_those_of_other_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "DOCS", tmp_path)
    (tmp_path / "images").mkdir()
    page = tmp_path / "benchmarks.md"
    page.write_text("before\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n")
    report.keep(TABLES[:1])
    report.keep(TABLES[1:])
    kept = json.loads((tmp_path / "benchmarks.json").read_text())
    assert list(kept) == ["load", "batch"]
    assert kept["load"]["rows"][0]["ours"] == 0.012
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| time | 12 ms | 1.5 s | not installed | <= 1 | reached |" in text
    assert "**missed**" in text
    assert "| rate | 1,234 answers/s |  |  |" in text
    picture = ET.parse(tmp_path / "images" / "benchmarks.svg")  # noqa: S314 - our own
    assert len([each for each in picture.iter() if each.tag.endswith("rect")]) == 5


def test_the_page_shows_the_saved_figures():
    kept = json.loads((report.DOCS / "benchmarks.json").read_text("utf-8"))
    page = (report.DOCS / "benchmarks.md").read_text("utf-8")
    for each in kept.values():
        table = Table(each["name"], each["title"], tuple(Row(**row) for row in each["rows"]))
        assert report.as_markdown(table) in page
