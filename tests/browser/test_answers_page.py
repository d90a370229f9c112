"""Kinds of answers in JupyterLab: tool steps, attachments and formats."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def chatting(open_notebook, server, tiny_chat):
    """Open a notebook with these cells, after a first cell that selects a model."""
    setup = (
        "%load_ext xinference_magics",
        f"%xinference connect {server.endpoint}",
        "%xinference use tiny-gguf",
        "%config XinferenceMagics.temperature = 0.0",
    )

    def open_chat(*cells):
        notebook = open_notebook(["\n".join(setup), *cells])
        notebook.run(0)
        return notebook

    return open_chat


TOOLS = '''\
import time
from pathlib import Path
def get_weather(city: str) -> str:
    """The weather in a city."""
    while not Path("weather").exists():
        time.sleep(0.05)
    return "22 degrees and sunny"
def multiply(a: int, b: int) -> int:
    """The product of two numbers."""
    return a * b'''
TWICE = "%%chat --tools get_weather,multiply\nWhat is twice the temperature in Paris?"


def test_tool_steps_are_shown_while_they_run_and_afterwards(chatting, lab):
    notebook = chatting(TOOLS, TWICE)
    notebook.run(1)
    notebook.run(2, wait=False)
    step = notebook.output(2).locator("details.xm-step")
    running = step.locator("summary")
    expect(running).to_have_text(re.compile(r'get_weather\(city="Paris"\) · [1-9]\d* s'))
    expect(notebook.output(2).locator(".xm-head").first).not_to_contain_text("waiting")
    notebook.screenshot("tool-running", of=notebook.cell(2))
    (lab.root / "weather").touch()
    notebook.wait(2)
    shown = notebook.output(2).first
    expect(shown).to_contain_text("Twice the temperature in Paris is 44 degrees.")
    steps = shown.locator("details")
    expect(steps).to_have_count(2)
    expect(steps.nth(1).locator("summary")).to_contain_text("✓multiply(a=22, b=2) → 44 · ")
    steps.nth(0).locator("summary").click()
    expect(steps.nth(0).get_by_text("22 degrees and sunny", exact=True)).to_be_visible()
    notebook.screenshot("tools", of=notebook.cell(2))


FIGURE = """\
import matplotlib.pyplot as plt
from PIL import Image
figure, axes = plt.subplots(figsize=(4, 3))
axes.plot([1, 4, 9])
plt.close(figure)
red = Image.new("RGB", (64, 64), "red")"""
LOOK = "%%chat -m {} --image red\nWhat do you see here?\n{{{{figure}}}}"


def test_attachments_are_shown_small(chatting, tiny_sight):
    notebook = chatting(FIGURE, LOOK.format(tiny_sight))
    notebook.run(1)
    notebook.run(2)
    pictures = notebook.output(2).first.locator("img")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        assert picture.evaluate("each => each.complete && each.naturalWidth > 0")
        assert picture.bounding_box()["height"] <= 97
    notebook.screenshot("attachments", of=notebook.cell(2))


FORMATS = (
    "%%chat --once -f json\nList three fruits as JSON in a code block.",
    "%%chat --once -f html\nShow me HTML with a script.",
    "%%chat --once -f math\nGive me the integral of x squared as LaTeX.",
    "%%chat --once -f code\nWrite Python code that prints hello.",
)


def test_formats(chatting):
    notebook = chatting(*FORMATS)
    for index in range(1, 5):
        notebook.run(index)
    tree = notebook.output(1).first.locator("details").first
    expect(tree.get_by_text('"banana"')).to_be_visible()
    tree.locator("summary").first.click()
    expect(tree.get_by_text('"banana"')).to_be_hidden()
    tree.locator("summary").first.click()
    frame = notebook.output(2).first.locator("iframe")
    assert frame.get_attribute("sandbox") == ""
    inside = notebook.output(2).first.frame_locator("iframe").locator("body")
    expect(inside).to_be_visible()
    expect(notebook.output(3).first.locator("mjx-container")).to_be_visible()
    expect(notebook.output(4).first.locator("pre")).to_have_text('print("hello")\n')
    expect(notebook.cell(5)).to_contain_text('print("hello")')
    expect(notebook.output(5)).to_have_count(0)
    notebook.screenshot("formats")
    notebook.use_theme("JupyterLab Dark")
    for index in range(1, 5):
        notebook.screenshot(f"format-{index}-dark", of=notebook.cell(index))
    notebook.use_theme("JupyterLab Light")
