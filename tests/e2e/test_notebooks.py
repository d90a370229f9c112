"""The notebooks and the README, executed as a reader would."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from kernel_driver import environment
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from xinference_magics.chat.turn import RECORD_MIME

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clean_server(cluster, tiny_chat, tiny_think, tiny_encoders):
    """The test server and its models; other models launched there are terminated after the test."""
    before = uids(cluster)
    yield cluster
    for uid in uids(cluster) - before:
        cluster.terminate(uid)


@pytest.fixture
def execute(in_kernel_env, clean_server, tmp_path):
    """Execute a notebook with the test server's environment; nothing may warn."""
    return lambda notebook: executed(notebook, tmp_path)


def executed(notebook, folder):
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    return notebook


def uids(cluster):
    return {model.uid for model in cluster.models()}


def example(name):
    return nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)


def shown(cell):
    """Return all text of a cell's outputs."""
    return "".join(
        output.get("text", "") or output["data"].get("text/plain", "") for output in cell.outputs
    )


def source_of(notebook, text):
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    return next(cell for cell in code if text in cell.source)


def test_quickstart(execute):
    done = execute(example("quickstart"))
    assert "Model uid: tiny-" in shown(source_of(done, "%xinference launch"))  # one may run already
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


def test_chat_cells(execute, sight_registered):
    done = execute(example("chat"))
    told = {
        "poem about the sea": "The evening wind will blow them home.",
        "Summarize this table": "Tokyo has the most people",
        "What does this function": "returns the sum of its two arguments",
        "--show-prompt": "What is in this list? ['apple', 'banana']",
        "What color is the image": "The image is red.",
        "%chat -c names What": "Your name is Alice.",
        "names.messages": "'Nice to meet you, Alice!'",
        "%conversation show": "My name is Alice.",
        "--think": "17 * 20 = 340",
        "product.reasoning": "17 * 23 = 391.",
        "-f json": "Misty",
        "-f math": "frac",
        "found.parsed": "31",
        "--tools": "Twice the temperature in Paris is 44 degrees.",
        "--compare": "continuing with tiny-think",
        "-m translation": "J'adore la programmation.",
        "capital of France": "The capital of France is Paris.",
        "{{failure}}": "You divide by zero",
    }
    for cell, answer in told.items():
        assert answer in shown(source_of(done, cell)), cell
    assert "<iframe" in source_of(done, "-f html").outputs[0].data["text/html"]
    assert "<img" in source_of(done, "What color").outputs[0].data["text/html"]
    assert int(shown(source_of(done, "pending.result"))) > 500
    records = [o for cell in done.cells for o in cell.get("outputs", ()) if "data" in o]
    assert sum(RECORD_MIME in output.data for output in records) > 10


def test_retrieval(execute):
    done = execute(example("rag"))
    launches = shown(source_of(done, "%xinference launch"))
    for ready in ("embeddings is a XinferenceEm", "reranker is a XinferenceR", "llm is a ChatX"):
        assert f"Ready: {ready}" in launches
    found = shown(source_of(done, "similarity_search_with_score")).splitlines()
    best = shown(source_of(done, "in reranker.compress_documents")).splitlines()
    assert len(found) == len(best) == 3
    assert found[0].endswith("engines.md")
    assert best[0] == "0.99  engines.md"
    assert shown(source_of(done, "answer.stream")) == (
        "The engines llama.cpp, transformers, vLLM, SGLang and MLX can run a chat model."
    )
    assert shown(source_of(done, "with_sources.batch")).splitlines() == [
        "What is Xinference?",
        "  Xinference is a server that runs language, embedding and rerank models. [what-it-is.md]",
        "How do I start a model?",
        "  A model is started with the command xinference launch. [models.md]",
        "What does the launch command print?",
        "  It prints the model UID. [models.md]",
        "Which port does the server listen on?",
        "  The server listens on port 9997. [server.md]",
    ]
    [output] = source_of(done, "%%chat").outputs
    assert output.data[RECORD_MIME]["prompt"].endswith("Question: What is the default port?")
    assert "The default port is 9997." in output.data["text/plain"]


def test_agent(execute):
    done = execute(example("agent"))
    answer = "Twice the temperature in Paris is 44 degrees."
    steps = shown(source_of(done, 'stream_mode="updates"'))
    places = [steps.index(each) for each in ("city: Paris", "22 degrees", "a: 22", "44\n", answer)]
    assert places == sorted(places)
    assert shown(source_of(done, 'stream_mode="messages"')) == answer
    messages = [line.split() for line in shown(source_of(done, "agent.ainvoke")).splitlines()]
    assert [line[0] for line in messages] == ["human", "ai", "tool", "ai", "tool", "ai"]
    totals = [int(line[1]) for line in messages if line[0] == "ai"]
    assert f"'total_tokens': {sum(totals)}" in shown(source_of(done, "used.usage_metadata"))
    assert shown(source_of(done, "carol.age - alice.age")) == "(Person(name='Alice', age=30), 11)"


def test_reasoning(execute):
    done = execute(example("reasoning"))
    assert "The user asks about the capital of Japan." in shown(source_of(done, "first.reasoning"))
    prompt = shown(source_of(done, "--show-prompt"))
    assert "Tokyo Skytree" in prompt
    assert "The user asks" not in prompt
    assert "The Tokyo Skytree is the tallest" in shown(source_of(done, "%%chat --think\nWhich"))
    assert "the conversation" not in shown(source_of(done, "--compare"))
    slow, fast = map(int, re.findall(r"\d+", shown(source_of(done, '["slow"].tokens'))))
    assert slow > fast
    assert "'type': 'reasoning'" in shown(source_of(done, "answer.content_blocks"))
    assert "<think>" not in shown(source_of(done, "answer.content_blocks"))
    assert shown(source_of(done, "answer.text")) == "'There are three r in strawberry.'"
    streamed = shown(source_of(done, "kind = "))
    assert streamed.endswith("9.9 is larger than 9.11.")
    assert "I compare the fractions" in streamed
    tools = shown(source_of(done, "--tools"))
    assert 'get_weather(city="Paris")' in tools
    assert "It is 22 degrees and sunny in Paris." in tools


@pytest.fixture
def all_parts_ended(tmp_path):
    """Kill the processes that a failed cluster notebook has left behind."""
    yield
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("XINFERENCE_HOME", "").startswith(str(tmp_path)):
                process.kill()


def test_cluster(server_command, all_parts_ended, monkeypatch, tmp_path):
    for name, value in environment(tmp_path, XINFERENCE_EXAMPLES=str(ROOT / "examples")).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(Path(server_command).parent), prepend=os.pathsep)
    done = executed(example("cluster"), tmp_path)
    assert shown(source_of(done, "known = []")).count(" ok") == 2
    launch = shown(source_of(done, "--replica 2"))
    assert "Model uid: tiny-chat" in launch
    assert shown(source_of(done, "left = ")).count("READY") == 1
    assert shown(source_of(done, "spare = ")).count("READY") == 2
    assert "Colosseum" in shown(source_of(done, "capital of Italy"))
    assert shown(source_of(done, "len(known) > 1")).count("READY") == 1
    assert "The Colosseum is the tallest" in shown(source_of(done, "tallest"))
    assert "Stopped the cluster" in shown(source_of(done, "stop-cluster"))


def readme_cells():
    """Return the Python blocks of the README, each of which is one cell."""
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
