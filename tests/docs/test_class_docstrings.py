"""The code in the class docstrings of the LangChain objects runs, section after section."""

import inspect
import re
import shlex
import tomllib
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest

from xinference_magics import ChatXinference, XinferenceEmbeddings, XinferenceLLM, XinferenceRerank

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^([A-Z][\w ]+):\n((?:\n|    .*\n?)+)", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

HEADINGS = {
    ChatXinference: [
        "Instantiate",
        "Invoke",
        "Stream",
        "Async",
        "Tool calling",
        "Structured output",
        "Reasoning",
        "Multimodal input",
        "Token usage",
        "Response metadata",
    ],
    XinferenceLLM: ["Instantiate", "Invoke", "Stream", "Async"],
    XinferenceEmbeddings: ["Instantiate", "Embed", "Async"],
    XinferenceRerank: ["Instantiate", "Compress documents", "Async"],
}


def blocks(kind, language="python"):
    """Return the code of a class docstring by the heading of its section."""
    sections = [(head, dedent(text)) for head, text in SECTION.findall(inspect.getdoc(kind))]
    found = [(head, block) for head, text in sections for block in BLOCK.findall(text)]
    return {head: code for head, (written_in, code) in found if written_in == language}


@pytest.fixture
def run(run_example, capsys):
    """Run the Python code of a docstring; return each section's variables and output."""

    def run(kind, names=()):
        variables, ended = {}, {}
        for heading, code in blocks(kind).items():
            variables = run_example(code, f"{kind.__name__}: {heading}", names, variables)
            ended[heading] = SimpleNamespace(**variables, printed=capsys.readouterr().out)
        return ended

    return run


@pytest.fixture(scope="module")
def hybrid(cluster, tiny_registered, tiny_request):
    """The UID of a chat model that reasons only when asked to."""
    request = tiny_request(
        "docstring-hybrid", "ggufv2", model_name="tiny-think", n_threads=1, enable_thinking=False
    )
    uid = cluster.launch(request).wait().uid
    yield uid
    cluster.terminate(uid)


@pytest.fixture
def names(hybrid, tiny_sight):
    """The running models by their names in the docstring of the chat model."""
    return {"my-chat-model": hybrid, "my-vision-model": tiny_sight}


@pytest.fixture
def exported(server, monkeypatch):
    """The exported variables of the Setup section, set, with the test server's URL."""
    code = blocks(ChatXinference, "sh")["Setup"].replace("http://127.0.0.1:9997", server.endpoint)
    lines = [shlex.split(line, comments=True) for line in code.splitlines()]
    variables = dict(line[1].split("=", 1) for line in lines if line[0] == "export")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def photo(samples, monkeypatch, tmp_path):
    """A photo in the working folder."""
    (tmp_path / "photo.png").write_bytes(samples.png("green"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", HEADINGS)
def test_every_block_is_run(kind):
    assert list(blocks(kind)) == HEADINGS[kind]
    count = len(blocks(kind)) + len(blocks(kind, "sh"))
    assert inspect.getdoc(kind).count("```") == 2 * count


def test_the_setup_installs_this_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    first, *_ = blocks(ChatXinference, "sh")["Setup"].splitlines()
    assert first == f"pip install {project['name']}"


def test_the_setup_names_the_server_and_the_key(exported):
    llm = ChatXinference(model="my-chat-model")
    assert llm.server_url == exported["XINFERENCE_ENDPOINT"]
    assert llm.api_key.get_secret_value() == exported["XINFERENCE_API_KEY"]


@pytest.mark.usefixtures("exported", "photo")
def test_chat(run, names):
    after = run(ChatXinference, names)
    assert after["Instantiate"].llm.temperature == 0
    assert "Eiffel Tower" in after["Invoke"].answer.content
    assert "Paris" in after["Invoke"].printed
    assert "Paris" in after["Stream"].printed
    assert "Paris" in after["Async"].answer.content
    assert after["Async"].printed == after["Stream"].printed
    [call] = after["Tool calling"].calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    person = after["Structured output"].person
    assert (type(person).__name__, person.name, person.age) == ("Person", "Alice", 30)
    assert "340" in after["Reasoning"].reasoning["reasoning"]
    assert after["Reasoning"].text == {"type": "text", "text": "17 * 23 = 391."}
    assert after["Multimodal input"].answer.content == "The image is green."
    usage = after["Token usage"].answer.usage_metadata
    assert 0 < usage["output_tokens"] < usage["total_tokens"] == int(after["Token usage"].printed)
    metadata = after["Response metadata"].answer.response_metadata
    assert str(metadata) == after["Response metadata"].printed.strip()
    assert metadata["finish_reason"] == "stop"
    assert metadata["model_name"] == names["my-chat-model"]
    assert metadata["request_id"]


def test_a_stream_of_the_chat_ends_with_its_usage(run_example, names):
    opening = "".join(blocks(ChatXinference)[heading] for heading in ("Instantiate", "Invoke"))
    found = run_example(opening, "ChatXinference", names)
    *_, last = found["llm"].stream(found["question"])
    assert last.usage_metadata["total_tokens"] > 0


def test_text(run, tiny_text):
    after = run(XinferenceLLM, {"my-text-model": tiny_text})
    assert "Paris" in after["Invoke"].text
    assert "robot" in after["Stream"].printed
    assert "Tokyo" in after["Async"].text
    assert after["Async"].printed == after["Stream"].printed


def test_embeddings(run):
    after = run(XinferenceEmbeddings)
    assert len(after["Embed"].vector) == 64
    assert len(after["Embed"].vectors) == 2
    assert after["Async"].vector == pytest.approx(after["Embed"].vector, abs=1e-5)
    assert after["Async"].vectors[0] == pytest.approx(after["Embed"].vectors[0], abs=1e-5)


def test_rerank(run):
    after = run(XinferenceRerank)
    first = after["Compress documents"].best[0]
    assert first.page_content == "Paris is in France."
    assert str(first.metadata["relevance_score"]) in after["Compress documents"].printed
    [best] = after["Async"].best
    assert best.page_content == "Paris is in France."
