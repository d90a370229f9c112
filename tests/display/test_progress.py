"""The progress of a launch, in a terminal and as HTML."""

import io

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from xinference_magics.cluster.launching.progress import Download
from xinference_magics.display.progress import (
    PageLaunchView,
    Part,
    TerminalLaunchView,
    downloads_text,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def launch(view):
    view.open("Launching qwen")
    for fraction in (None, 0.25, 0.5):
        view.update("downloading", fraction)
    view.update("loading", 1.0, "1 of 2 replicas")
    view.close("ready", ok=True)


def test_a_stream_that_is_not_a_terminal_gets_a_line_per_stage():
    stream = io.StringIO()
    launch(TerminalLaunchView(stream))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Launching qwen ..."
    assert [line.split()[0] for line in lines[1:3]] == ["downloading", "loading"]
    assert lines[-1].startswith("✓ Launching qwen: ready (")
    assert len(lines) == 4


def test_a_terminal_rewrites_one_line():
    stream = Terminal()
    launch(TerminalLaunchView(stream))
    assert stream.getvalue().count("\n") == 2
    assert "\r\x1b[K  downloading · 25% · 0 s" in stream.getvalue()


def test_a_terminal_line_does_not_wrap(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    view = TerminalLaunchView(stream)
    view.open("Launching qwen")
    view.update(
        "loading", None, "1 of 9 replicas", [Part(f"q-rep{i}", "loading") for i in range(9)]
    )
    *_, line = stream.getvalue().split("\x1b[K")
    assert line.startswith("  loading · 1 of 9 replicas · q-rep0: ")
    assert len(line) == 39


def test_server_text_cannot_control_the_terminal():
    stream = io.StringIO()
    view = TerminalLaunchView(stream)
    view.open("\x1b[2J")
    view.update("\x1b]0;x\x07", None)
    view.close("\x1b[31mfailed", ok=False)
    assert "\x1b" not in stream.getvalue()
    assert "✗" in stream.getvalue()


@pytest.fixture
def published():
    """Capture what is displayed, in a separate shell."""
    InteractiveShell.instance()
    with capture_output() as captured:
        yield captured
    InteractiveShell.clear_instance()


def test_a_page_gets_a_bar_that_ends_as_one_line(published):
    view = PageLaunchView()
    view.open("Launching <b>qwen</b>")
    view._painted -= 1
    view.update("downloading_model", 0.25)
    view.update("downloading_model", 0.26)
    view.close("failed: <i>no</i>", ok=False)
    first, second, last = (output.data["text/html"] for output in published.outputs)
    assert "width" not in first
    assert "downloading model · 25%" in second
    assert "width:25%" in second
    assert "✗" in last
    assert "width" not in last
    assert not any("<b>" in html or "<i>" in html for html in (first, second, last))


def test_a_page_shows_each_replica_on_a_line(published):
    view = PageLaunchView()
    view.open("Launching qwen")
    view._painted -= 1
    view.update("loading", None, "1 of 2 replicas", [Part("<b>", "ready"), Part("q-1", "loading")])
    shown = published.outputs[-1].data
    assert "&lt;b&gt; · ready" in shown["text/html"]
    assert shown["text/plain"].splitlines()[1:] == ["  <b>: ready", "  q-1: loading"]


READY = ("qwen", ["llama.cpp, ggufv2 f16", "llm and %%chat use it"])
DETAILS = ["Model uid: qwen", "Chosen: <b>engine</b>."]


def test_a_model_that_is_ready_is_one_line_with_details(published):
    view = PageLaunchView()
    view.open("Launching qwen", DETAILS[1:])
    assert "Chosen: &lt;b&gt;" in published.outputs[0].data["text/html"]
    view._started -= 13
    view.ready(*READY, DETAILS)
    shown = published.outputs[-1].data
    line = "qwen ready in 13 s - llama.cpp, ggufv2 f16 - llm and %%chat use it"
    assert shown["text/plain"].splitlines() == [f"✓ {line}", *DETAILS]
    html = shown["text/html"]
    assert html.count("<details>") == 1
    assert "Model uid: qwen" in html.partition("</summary>")[2]
    assert "&lt;b&gt;" in html
    again = PageLaunchView()
    again.ready(*READY, DETAILS)
    assert "✓ qwen is already running - llama.cpp" in published.outputs[-1].data["text/plain"]


def test_a_terminal_prints_each_detail_once():
    stream = io.StringIO()
    view = TerminalLaunchView(stream)
    view.open("Launching qwen", DETAILS[1:])
    view.ready(*READY, DETAILS)
    said = stream.getvalue()
    assert said.startswith("Chosen: ")
    assert "✓ qwen ready in 0.0 s - llama.cpp, ggufv2 f16 - llm and %%chat use it\n" in said
    assert said.count("Chosen") == said.count("Model uid: qwen\n") == 1


def test_notes_on_a_launch_that_failed_stay(published):
    view = PageLaunchView()
    view.open("Launching qwen", ["Chosen: engine."])
    view.close("failed", ok=False)
    assert published.outputs[-1].data["text/plain"].endswith(" s)\nChosen: engine.")


def test_downloads_are_listed_with_their_progress():
    first = Download("a.safetensors", 2**20, 4 * 2**20, 2**19)
    assert downloads_text([first]) == "a.safetensors 1.0 of 4.0 MiB, 512.0 KiB/s"
    done = Download("b", 10, 10)
    assert downloads_text([done, first]) == "a.safetensors 1.0 of 4.0 MiB, 512.0 KiB/s"
    assert downloads_text([first, Download("c", 0)]).endswith(", 1 more file")
    assert downloads_text([done]) == "b 10 of 10 B"
    assert downloads_text([]) == ""
