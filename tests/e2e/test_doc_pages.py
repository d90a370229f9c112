"""The cells of the documentation run in a real kernel, in the order of their page."""

import json
import re
from pathlib import Path

import pytest
from test_accounts import PASSWORD, USER, Secured

pytestmark = pytest.mark.long

DOCS = Path(__file__).parents[2] / "docs"
CELL = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"`(--?[a-z][a-z-]*)")


MEANT = {
    "my-model": "tiny-gguf",
    "my-chat-model": "tiny-gguf",
    "another-model": "tiny-pt",
    "-n bge-m3": "-n tiny-embedding",
    "-n bge-reranker-v2-m3": "-n tiny-rerank",
    "-n qwen2.5-instruct -s 1_5 -f ggufv2 -q q4_k_m": "-n tiny-chat -f ggufv2 -q f16",
    "-n qwen2.5-instruct -s 0_5\n": "-n tiny-chat -f ggufv2\n",
    "-n qwen2.5-instruct -s 0_5 -u fast": "-n tiny-chat -u fast",
}
"""The models named on the pages, and the test server's models that replace them."""


@pytest.fixture
def clean_cluster(cluster, tiny_chat, tiny_encoders):
    """The test server; models that a page launches there are terminated after its test."""
    before = {model.uid for model in cluster.models()}
    yield cluster
    for uid in {model.uid for model in cluster.models()} - before:
        cluster.terminate(uid)


@pytest.fixture
def run_page(kernel, clean_cluster, tmp_path):
    """Run the cells of a page in order; return the reply of each."""
    kernel.run(f"%cd -q {tmp_path}\n%config XinferenceMagics.temperature = 0.0")
    kernel.run("%xinference use tiny-gguf")

    def run(page, meant=MEANT):
        text = (DOCS / page).read_text(encoding="utf-8")
        for written, name in meant.items():
            text = text.replace(written, name)
        replies = [kernel.run(cell.rstrip("\n"), timeout=240) for cell in CELL.findall(text)]
        failed = [reply.stdout for reply in replies if reply.status != "ok"]
        assert replies
        assert not failed
        return replies

    return run


ELSEWHERE = {
    "cal-model-mem": "e2e/test_catalog_commands.py",
    "cancel my-model": "e2e/test_launching.py",
    "login": "e2e/test_accounts.py",
    "logout": "e2e/test_accounts.py",
    "relaunch-": "notebook/test_machine_commands.py",
    "register\n": "e2e/test_catalog_commands.py",
    "reload": "e2e/test_two_workers.py",
    "remove-cache": "e2e/test_catalog_commands.py",
    "replicas my-model 3": "e2e/test_two_workers.py",
    "serve": "e2e/test_serve.py",
    "setup": "e2e/test_accounts.py",
    "stop\n": "faults/test_together.py",
    "stop-cluster": "e2e/test_two_workers.py",
    "watch": "e2e/test_two_workers.py",
}
"""Examples that end or change what others use, or take long, and the test with similar ones."""

MADE_ELSEWHERE = re.compile(r"%(image|speech|transcribe|ocr|infer|map)\b")
"""The magics whose examples are run by their pages, and by e2e/test_map_cells.py."""

OF_REFERENCE = {
    "http://gpu-server:9997": "$SERVER",
    "register -f my-model.json": "register -f documented.json",
    "unregister -n my-model": "unregister -n documented",
    "terminate my-model": "terminate documented",
    "-n my-model -f pytorch -q none": "-n tiny-chat -f ggufv2 -u documented --disable-virtual-env",
    "-n qwen2.5-instruct -s 0_5 -f ggufv2 -q q4_k_m": "-n tiny-chat -f ggufv2 -q f16",
    "-n bge-m3": "-n tiny-embedding",
    "my-text-model": "tiny-text",
    "--max-tokens 64": "-m tiny-text --max-tokens 64",
    "my-model": "tiny-gguf",
    "another-model": "tiny-pt",
}


def shown(reply):
    return "\n".join(each["text/plain"] for each in reply.displays)


@pytest.mark.parametrize("page", ["chat.md", "coming-from-jupyter-ai.md", "launching.md"])
def test_the_cells_of_a_page_run(run_page, page):
    run_page(page)


def test_tools_and_agents(run_page):
    _, asked, messages, bound, _, agent, in_a_cell, _ = run_page("tools.md")
    assert "Twice the temperature in Paris is 44 degrees." in shown(asked)
    assert shown(messages).count("'tool'") == 2
    assert "'name': 'get_weather'" in shown(bound)
    assert "44 degrees" in shown(agent)
    assert "It is 22 degrees and sunny in Paris." in shown(in_a_cell)


def test_answers_from_documents(run_page, tmp_path):
    notes = json.loads((DOCS.parent / "examples/tiny_chat/dialogues/retrieval.json").read_text())
    (tmp_path / "notes").mkdir()
    for each in notes["documents"]:
        (tmp_path / "notes" / f"{each['id']}.md").write_text(each["text"])
    _, _, found, _, asked, _, chained = run_page("rag.md")
    assert "port.md" in shown(found)
    assert "The server listens on port 9997." in shown(asked)
    assert "The engines llama.cpp, transformers, vLLM, SGLang and MLX" in shown(chained)


OF_MEDIA = {
    "-n sd-turbo": "-n tiny-image",
    "--size 512x512": "--size 64x64 --steps 3",
    'size="512x512"': 'size="64x64", num_inference_steps=3',
    "--from cats[0]": "--from cats[0] --steps 4",
    "-n Kokoro-82M": "-n tiny-voice",
    "-n whisper-tiny": "-n tiny-transcriber",
    "-n GOT-OCR2_0": "-n TeleOCR",
    "station.ogg": str(DOCS.parent / "examples/tiny_media/sounds/station.ogg"),
    "my-flexible-model": "tiny-echo",
}


def test_pictures_and_sounds(run_page, tiny_media, kernel):
    """Uses the models that run already, which `launch` finds."""
    _, made, same, *_, speech, _, transcript, turned, _, text, _ = run_page("media.md", OF_MEDIA)
    assert "<2 pictures: seed " in shown(made)
    assert shown(same) == "True"
    assert "of wav>" in shown(speech)
    assert "The train leaves at seven." in shown(transcript)
    assert "WEBVTT" in shown(turned)
    assert text.status == "ok"
    assert kernel.value("text") != "''"
    assert kernel.value("result") == "{'top_k': 3}"


def test_working_offline(run_page, kernel, tiny_definitions, tmp_path):
    """Needs only files, for a model that the server knows and for one that it does not."""
    [definition] = [each for each in tiny_definitions if each["model_name"] == "tiny-chat"]
    (tmp_path / "my-model.json").write_text(json.dumps({**definition, "model_name": "my-own"}))
    file = DOCS.parent / "examples/tiny_chat/model/tiny-chat-f16.gguf"
    meant = {
        "/models/qwen.gguf": f"{file} --disable-virtual-env",
        "-n $name": "-n $name -f ggufv2 --disable-virtual-env",
    }
    from_file, registered = run_page("offline.md", meant)
    assert "Ready: llm" in from_file.displays[0]["text/plain"]
    assert "Ready: llm" in registered.displays[0]["text/plain"]
    assert kernel.run("%xinference terminate $mine\n%xinference unregister -n $name").status == "ok"


def test_the_examples_of_the_reference(
    kernel, clean_cluster, tiny_text, tiny_definitions, tmp_path
):
    """Runs them in order, except those run elsewhere; what is launched is terminated last."""
    [definition] = [each for each in tiny_definitions if each["model_name"] == "tiny-chat"]
    own = json.dumps({**definition, "model_name": "documented"})
    (tmp_path / "documented.json").write_text(own)
    kernel.run(f"%cd -q {tmp_path}\ncountry = 'France'")
    meant = {**OF_REFERENCE, "$SERVER": clean_cluster.endpoint}
    cells = CELL.findall((DOCS / "commands.md").read_text(encoding="utf-8"))
    run = [cell for cell in cells if not any(f"%xinference {each}" in cell for each in ELSEWHERE)]
    run = [cell for cell in run if not MADE_ELSEWHERE.search(cell)]
    assert len(run) > 30
    for cell in sorted(run, key=lambda cell: "terminate" in cell):
        for written, name in meant.items():
            cell = cell.replace(written, name)  # noqa: PLW2901
        reply = kernel.run(cell.rstrip("\n"), timeout=240)
        assert reply.status == "ok", (cell, reply)


def test_examples_left_to_other_tests_are_run_there():
    tests = DOCS.parent / "tests"
    for command, path in ELSEWHERE.items():
        name = command.split()[0]
        assert re.search(rf"\b{name}", (tests / path).read_text(encoding="utf-8")), command


@pytest.fixture
def secured(start_server, tmp_path):
    """A new server that requires credentials."""
    made = Secured(start_server(XINFERENCE_AUTH_ADVANCED="1"), tmp_path)
    yield made
    made.end()


def test_logging_in_and_using_a_cluster(secured, tiny_definitions, tmp_path):
    """The pages tell one story: an account, logins, a model with two replicas."""
    notebook = secured.kernel()
    [definition] = [each for each in tiny_definitions if each["model_name"] == "tiny-chat"]
    (tmp_path / "tiny.json").write_text(json.dumps(definition))
    meant = {
        "http://gpu-server:9997": secured.endpoint,
        "http://10.0.0.1:9997": secured.endpoint,
        "-n qwen2.5-instruct -s 7": "-u both -n tiny-chat -f ggufv2 --disable-virtual-env",
        "my-chat-model": "both",
    }

    def cells(page):
        text = (DOCS / page).read_text(encoding="utf-8")
        for written, name in meant.items():
            text = text.replace(written, name)
        return CELL.findall(text)

    def run(cell, *answers):
        reply = notebook.run(cell, answers=answers, timeout=240)
        assert reply.status == "ok", (cell, reply)
        return reply

    set_up, login, with_key, logout, chat = cells("authentication.md")
    _, connect, launch, replicas, fewer, *_ = cells("cluster.md")
    run(set_up, secured.setup_token, USER, PASSWORD, PASSWORD)
    run(login, USER, PASSWORD)
    run(with_key, secured.admin("POST", "/v1/admin/keys", {"name": "documented"})["key"])
    assert "Logged out" in run(logout).stdout
    assert "127.0.0.1" in shown(run(connect, USER, PASSWORD))
    run(f"%xinference register -f {tmp_path / 'tiny.json'}")
    run(launch)
    assert shown(run(replicas)).count("READY") == 2
    assert shown(run(fewer)).count("READY") == 1
    assert "Paris" in shown(run(chat))


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
