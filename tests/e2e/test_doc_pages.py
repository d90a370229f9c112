"""The cells of the documentation run, in the order of their page, in a real kernel."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
CELL = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"`(--?[a-z][a-z-]*)")


@pytest.mark.parametrize("page", ["chat.md", "coming-from-jupyter-ai.md"])
def test_the_cells_of_a_page_run(kernel, tiny_chat, page):
    kernel.run(f"%xinference use {tiny_chat.gguf}\n%config XinferenceMagics.temperature = 0.0")
    text = (DOCS / page).read_text()
    for written, meant in {"my-model": tiny_chat.gguf, "another-model": tiny_chat.pt}.items():
        text = text.replace(written, meant)
    cells = CELL.findall(text)
    assert cells
    for cell in cells:
        reply = kernel.run(cell.rstrip("\n"))
        assert reply.status == "ok", f"{cell}\n{reply.error}"
    for uid in re.findall(r"-u (\w+)", "".join(cells)):
        kernel.run(f"%xinference terminate {uid}")


def test_every_option_of_the_other_magic_has_its_line():
    theirs = {"-f", "--format", "-r", "--reset", "-m", "--model-parameters", "--api-base",
              "--api-key-name", "--eval", "-n", "--region-name", "-q", "--request-schema", "-p",
              "--response-path"}  # fmt: skip
    text = (DOCS / "coming-from-jupyter-ai.md").read_text()
    table = text.partition("## Options")[2].partition("## Commands")[0]
    assert theirs <= {
        option
        for line in table.splitlines()
        for option in OPTION.findall(line.split("|")[1] if line.startswith("|") else "")
    }


def test_the_options_that_it_offers_instead_exist(kernel):
    text = (DOCS / "coming-from-jupyter-ai.md").read_text()
    offered = {
        option
        for line in text.splitlines()
        if line.startswith("|")
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line.split("|")[2])
    }
    commands = ("%chat -h", "%xinference launch -h", "%xinference login -h")
    known = "".join(kernel.run(command).stdout for command in commands)
    assert not {option for option in offered if option not in known}
