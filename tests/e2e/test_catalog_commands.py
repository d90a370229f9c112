"""Registrations, engines and the cache of a real server, from a real kernel."""

import json
import shutil
from pathlib import Path

import pytest
import requests
from recording_proxy import RecordingProxy
from test_help import offered

from xinference_magics.cluster.launching.plan import LaunchRequest

MINE = """
model_name: {name}
version: 2
context_length: 2048
model_lang: [en, no]
model_ability: [chat]
model_family: qwen2.5-instruct
chat_template: "{{{{ messages }}}}"
stop_token_ids: [2]
stop: ["<|im_end|>"]
model_specs:
- model_format: ggufv2
  model_size_in_billions: 0_002
  quantization: f16
  model_file_name_template: tiny-chat-f16.gguf
  model_uri: {folder}
"""


@pytest.fixture
def own_files(tiny_definitions, tmp_path):
    """A folder with a private copy of the tiny model."""
    source = Path(tiny_definitions[0]["model_specs"][0]["model_uri"])
    for name in ("tiny-chat-f16.gguf", "config.json"):
        shutil.copy(source / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def registered(kernel, own_files):
    """A model that is registered for one test, from a cell."""
    cell = MINE.format(name="own-model", folder=own_files)
    reply = kernel.run(f"%%xinference register\n{cell}")
    assert reply.status == "ok", reply
    yield reply
    kernel.run("%xinference unregister -n own-model")


def text(reply):
    return reply.displays[-1]["text/plain"]


def test_a_model_is_registered_from_a_cell(kernel, registered):
    assert "Registered own-model (LLM), until the server restarts" in registered.stdout
    assert "%xinference launch -n own-model" in registered.stdout
    assert text(registered) == "'own-model'"
    own = text(kernel.run("mine = %xinference registrations --own\nmine"))
    assert "own-model" in own
    assert "qwen" not in own
    found = "next(each for each in mine if each.name == 'own-model')"
    assert kernel.value(f"{found}.languages") == "('en', 'no')"
    assert kernel.value(f"{found}.sizes") == "('0_002',)"
    assert "of your own" in own
    kernel.run("offers = %xinference engine -n own-model -en llama.cpp")
    assert kernel.value("[offer.quantization for offer in offers]") == "['f16']"
    again = kernel.run(
        "%%xinference register\n" + MINE.format(name="own-model", folder="/")
    ).failure
    assert "own-model is already registered. %xinference unregister -n own-model" in again
    assert "Unregistered own-model" in kernel.run("%xinference unregister -n own-model").stdout
    gone = kernel.run("%xinference unregister -n own-model").failure
    assert "ModelNotFoundError" in gone


def test_a_model_is_registered_from_a_file_and_kept(kernel, own_files, server):
    spec = {"model_format": "pytorch", "model_uri": str(own_files), "quantization": "none"}
    definition = {"model_name": "kept", "language": ["en"], "max_tokens": 8, "dimensions": 4}
    file = own_files / "kept.json"
    file.write_text(json.dumps({**definition, "version": 2, "model_specs": [spec]}))
    assert "-t embedding" in kernel.run(f"%xinference register -f '{file}'").failure
    reply = kernel.run(f"%xinference register -f '{file}' -t embedding -p")
    assert "Registered kept (embedding), kept across restarts." in reply.stdout
    assert list(server.home.rglob("kept.json"))
    kernel.run("%xinference unregister -n kept -t embedding")
    assert not list(server.home.rglob("kept.json"))


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (MINE.format(name="qwen3", folder="/"), "qwen3 is a builtin model"),
        ("model_name: a\nversion: 2", "missing model_lang, model_ability, model_specs"),
        ('{"model_name": "a",\n\n "b"}', "line 3, column 5"),
        (MINE.format(name="a", folder="/no/such"), "nothing at the model_uri /no/such"),
        (MINE.format(name="a b", folder="/"), "'a b' is not a valid model_name"),
        (MINE.format(name="a", folder="/").replace("ggufv2", "gguf"), "gguf is not one of ggufv2"),
    ],
)
def test_an_invalid_registration_is_reported_in_one_line(kernel, cell, says):
    assert says in kernel.run(f"%%xinference register\n{cell}").failure


def test_an_invalid_command_is_reported_in_one_line(kernel, tmp_path):
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe\x00")
    for line, says in (
        ("register", "there is no definition"),
        ("register -f nowhere.json", "nowhere.json cannot be read: No such file"),
        (f"register -f '{file}'", "is not a text file in UTF-8"),
        ("register -t vidoe -f x", "did you mean video?"),
        ("unregister -n qwen3", "qwen3 is a builtin model"),
        ("unregister", "--model-name"),
        ("remove-cache -n nothing--like-it", "has no nothing--like-it in its cache"),
        ("search", "TEXT"),
        ("search zzzz", "has no model with zzzz"),
        ("search qwen2.5-instuct", "Did you mean qwen2.5-instruct"),
        ("engine -n qwen2.5-instuct", "Did you mean qwen2.5-instruct"),
        ("engine -n bge-m3 -t LLM", "It is of type embedding"),
        ("engine -n qwen2.5-instruct -s 8", "Available: 0_5, 1_5, 3, 7"),
        ("engine -n qwen2.5-instruct -en MLX -s 0_5", "MLX"),
        ("engine -n vicuna-v1.3", "vicuna-v1.3"),
        ("cal-model-mem -s 7 -f ggufv2 -c 4096", "ggufv2 needs a quantization"),
        ("cal-model-mem -s 7 -f pytorch -c 4096 --kv-cache-dtype 4", "one of 8, 16, 32"),
    ):
        assert says in kernel.run(f"%xinference {line}").failure, line


def test_engines_of_all_kinds_of_models(kernel):
    reply = kernel.run("found = %xinference engine -n qwen2.5-instruct\nfound")
    assert "Transformers" in text(reply)
    assert "0_5, 1_5, 3, 7" in text(reply)
    assert "MLX" in text(reply)
    assert "installed at launch" in text(reply)
    assert "is not listed" in kernel.value("found.unavailable['MLX']")
    assert kernel.value("len(found.to_pandas()) == len(found) > 40") == "True"
    for name in ("bge-m3", "bge-reranker-base"):
        reply = kernel.run(f"found = %xinference engine -n {name}\nfound")
        assert "sentence_transformers" in text(reply)
        assert "size" not in text(reply).splitlines()[0]
    kernel.run("found = %xinference engine -n qwen2.5-instruct -en TRANSFORMERS -s 0.5 -q int4")
    assert kernel.value("{offer.quantization for offer in found}") == "{'Int4'}"


def test_the_large_registry_is_never_fetched(kernel, server):
    with RecordingProxy(server.endpoint) as recorded:
        for command in (
            "search qwen",
            "search text2image",
            "registrations",
            "registrations -t embedding",
            "engine -n qwen2.5-instruct",
            "engine -n bge-m3",
            "vllm-models",
            "launch -n qwen2.5-instruct --dry-run",
            "launch -n bge-m3 -t embedding --dry-run",
        ):
            assert kernel.run(f"%xinference {command} -e {recorded.endpoint}").status == "ok", (
                command
            )
        assert kernel.run(f"%xinference engine -n nope -e {recorded.endpoint}").status == "error"
        typed = f"%xinference launch -e {recorded.endpoint} -n qwen2.5-inst"
        offered(kernel, typed, "qwen2.5-instruct")
        offered(kernel, f"{typed}ruct -f ", "ggufv2")
    assert any("embedding?detailed=true" in each.url for each in recorded.requests)
    asked = [each.url for each in recorded.requests]
    assert not [url for url in asked if "/LLM" in url and "detailed=true" in url]
    listed = requests.get(f"{server.endpoint}/v1/model_registrations/LLM", timeout=60).json()
    builtin = {each["model_name"] for each in listed if each["is_builtin"]}
    described = [
        path.rpartition("/")[2] for path in recorded.paths if "/model_registrations/LLM/" in path
    ]
    assert 0 < len([name for name in described if name in builtin]) <= 10, described


def test_lists_need_only_short_commands(kernel):
    reply = kernel.run("found = %xinference registrations -t embedding\nfound")
    assert "dimensions" in text(reply).splitlines()[0]
    assert "1,024" in text(reply)
    assert kernel.run("found = %xinference registrations").status == "ok"
    assert int(kernel.value("len(found)")) > 150
    assert "chat" in kernel.value("next(m for m in found if m.name == 'qwen3').abilities")
    assert "LlamaForCausalLM" in text(kernel.run("%xinference vllm-models"))


def test_the_cache_is_shown_and_cleared_but_not_the_users_files(
    kernel, cluster, registered, own_files
):
    launch = cluster.launch(
        LaunchRequest(
            model_name="own-model",
            model_engine="llama.cpp",
            enable_virtual_env=False,
            extra={"n_threads": 1},
        )
    )
    uid = launch.wait().uid
    reply = kernel.run("found = %xinference cached -n own-model\nfound")
    assert "own-model--0_002B--ggufv2--f16" in text(reply)
    assert "4.2 MiB" in text(reply)
    assert kernel.value("found[0].real_path") == repr(str(own_files))
    failed = kernel.run("%xinference remove-cache -n own-model")
    assert "Cached versions of it: own-model--0_002B--ggufv2--f16" in failed.stdout
    remove = "%xinference remove-cache -n own-model--0_002B--ggufv2--f16"
    sent = kernel.send(remove)
    asked = kernel.client.get_stdin_msg(timeout=240)
    assert "Remove the cached files of own-model--" in asked["content"]["prompt"]
    kernel.client.input("n")
    assert "Nothing was done." in kernel.collect(sent).stdout
    assert kernel.value("%xinference cached -n own-model").startswith("version")
    reply = kernel.run(f"{remove} --yes")
    assert "Files of own-model--" in reply.stdout
    assert f"Not removed, only linked to: {own_files}" in reply.stdout
    assert "Removed own-model--" in reply.stdout
    assert (own_files / "tiny-chat-f16.gguf").exists()
    assert "Nothing is cached there." in text(kernel.run("%xinference cached -n own-model"))
    reply = kernel.run("%xinference unregister -n own-model")
    assert f"Still running: {uid}." in reply.stdout
    cluster.terminate(uid)


def test_memory_is_estimated_by_the_servers_package(kernel, server_command):
    kernel.run(f"%config XinferenceMagics.server_command = {server_command!r}")
    line = "cal-model-mem -n qwen2.5-instruct -s 0.5 -f pytorch -q none -c 4096"
    reply = kernel.run(f"need = %xinference {line}\nneed", timeout=300)
    assert reply.status == "ok", reply
    assert "954" in text(reply)
    assert int(kernel.value("need.total")) > int(kernel.value("need.model + need.kv_cache"))
    assert kernel.value("'xinference' in __import__('sys').modules") == "False"
    kernel.run("%config XinferenceMagics.server_command = '/nowhere/xinference-local'")
    missing = kernel.run("%xinference cal-model-mem -s 7 -f pytorch -c 4096")
    assert missing.status == "error"
    assert "needs the package xinference" in missing.stdout
