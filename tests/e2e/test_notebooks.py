"""The notebooks and the README, executed as their readers would."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from xinference_magics.chat.turn import RECORD_MIME

ROOT = Path(__file__).parents[2]


@pytest.fixture
def execute(kernel_env, tiny_registered, tmp_path, monkeypatch):
    """Execute a notebook with the test server's environment."""
    for name in ("XINFERENCE_ENDPOINT", "XINFERENCE_MAGICS_STATE", "IPYTHONDIR"):
        monkeypatch.setenv(name, kernel_env[name])

    def run(notebook):
        client = NotebookClient(notebook, timeout=180, resources={"metadata": {"path": tmp_path}})
        client.execute()
        return notebook

    return run


def shown(cell):
    """All text of a cell's outputs."""
    return "".join(
        output.get("text", "") or output["data"].get("text/plain", "") for output in cell.outputs
    )


def source_of(notebook, text):
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    return next(cell for cell in code if text in cell.source)


def test_quickstart(execute):
    done = execute(nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4))
    assert "Model uid: tiny-chat" in shown(source_of(done, "%xinference launch"))
    capital = source_of(done, "Where can we visit in the capital of {{country}}?")
    [output] = capital.outputs
    assert "Eiffel Tower" in output.data["text/html"]
    assert output.data[RECORD_MIME]["prompt"] == "Where can we visit in the capital of France?"
    assert "Eiffel" in shown(source_of(done, "tallest"))
    assert "<table" in source_of(done, "Markdown").outputs[0].data["text/html"]
    assert "Eiffel Tower" in shown(source_of(done, "llm.invoke"))
    assert "18 19 20" in shown(source_of(done, "llm.stream"))
    assert "J'adore la programmation" in shown(source_of(done, "ainvoke"))
    assert "391" in shown(source_of(done, "answer.text"))
    assert "tiny-chat" in shown(source_of(done, "%xinference list"))


def readme_cells():
    """The Python blocks of the README; a block that begins with a magic's cell stays whole."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_readme(execute):
    cells = [nbformat.v4.new_code_cell(source.rstrip("\n")) for source in readme_cells()]
    done = execute(nbformat.v4.new_notebook(cells=cells))
    assert "Eiffel Tower" in shown(source_of(done, "%%chat"))
    assert "391" in shown(source_of(done, "17 * 23"))
    assert "18 19 20" in shown(source_of(done, "chat.stream"))


def test_a_failing_cell_stops_the_notebook(execute):
    cells = ["%load_ext xinference_magics", "%%chat -m no-such-model\nhi", "after = 1"]
    with pytest.raises(CellExecutionError, match="no-such-model"):
        execute(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]))


@pytest.mark.parametrize(
    "command",
    [
        ["jupyter", "nbconvert", "--to", "html", "--execute", "--output", "out.html", "in.ipynb"],
        ["papermill", "in.ipynb", "out.html"],
    ],
    ids=["nbconvert", "papermill"],
)
def test_other_executors(command, execute, tiny_chat, tmp_path):
    code = ["%load_ext xinference_magics", "%%chat -m tiny-gguf -t 0\nHello!"]
    cells = [nbformat.v4.new_code_cell(each) for each in code]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "in.ipynb")
    subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, check=True, capture_output=True, timeout=120
    )
    written = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "Hello" in written
    assert "Error displaying widget" not in written
