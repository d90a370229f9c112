"""The management API of a real server."""

import json

import pytest

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import (
    BadRequestError,
    ConnectError,
    ModelNotFoundError,
    ServerError,
)


def test_a_server_reports_its_version(cluster):
    assert cluster.version().startswith("4.")
    assert cluster.requires_auth() is False


def test_nothing_is_asked_before_a_method_is_called(closed_port):
    cluster = Cluster(f"127.0.0.1:{closed_port}/", token=lambda: "secret")
    assert repr(cluster) == f"Cluster('http://127.0.0.1:{closed_port}')"
    with pytest.raises(ConnectError, match="refused the connection"):
        cluster.models()
    cluster.close()


def test_a_server_other_than_xinference_is_reported(json_server):
    cluster = Cluster(json_server)
    for ask in (cluster.models, cluster.version, lambda: cluster.describe("x")):
        with pytest.raises((ConnectError, ServerError), match="Xinference server"):
            ask()
    cluster.close()


def test_a_running_model_is_listed_and_described(cluster, tiny_chat):
    listed = {model.uid: model for model in cluster.models()}
    assert {tiny_chat.gguf, tiny_chat.pt} <= listed.keys()
    described = cluster.describe(tiny_chat.gguf)
    assert described.name == "tiny-chat"
    assert "chat" in described.abilities
    assert (described.engine, described.format) == ("llama.cpp", "ggufv2")
    assert listed[tiny_chat.gguf] == described


def test_an_unknown_uid_suggests_near_names(cluster, tiny_chat):
    for ask in (cluster.describe, cluster.terminate):
        with pytest.raises(ModelNotFoundError, match="Did you mean tiny-gguf") as caught:
            ask("tiny-guff")
        assert caught.value.status == 400


@pytest.mark.parametrize("uid", ["ä ö?", "a#b&c=d", "100%", "'"])
def test_a_uid_with_odd_characters_does_no_harm(cluster, uid):
    with pytest.raises(ModelNotFoundError):
        cluster.describe(uid)


@pytest.mark.parametrize("uid", ["a/b", ".."])
def test_a_uid_that_no_url_can_name_is_refused(cluster, uid):
    for ask in (cluster.describe, cluster.terminate):
        with pytest.raises(BadRequestError, match="No URL can name"):
            ask(uid)
    with pytest.raises(BadRequestError, match="No URL can name"):
        cluster.launch(LaunchRequest(model_name="tiny-chat", model_uid=uid))


def test_the_registry_is_a_short_list_of_names(cluster, tiny_registered):
    names = cluster.registry.names("LLM")
    assert {"qwen2.5-instruct", *tiny_registered} <= set(names)
    assert cluster.registry.names("embedding")
    with pytest.raises(BadRequestError, match="Unsupported model type"):
        cluster.registry.names("nonsense")


def test_engines_of_builtin_models_of_several_types(cluster):
    llama = [
        offer
        for offer in cluster.registry.engines("qwen2.5-instruct").offers
        if "llama" in offer.engine
    ]
    assert {offer.format for offer in llama} == {"ggufv2"}
    assert len({offer.quantization for offer in llama}) > 5
    assert cluster.registry.engines("bge-m3", "embedding").offers
    assert cluster.registry.engines("bge-reranker-base", "rerank").offers


def test_an_unknown_model_suggests_near_names(cluster):
    with pytest.raises(ModelNotFoundError, match=r"Did you mean qwen2\.5-instruct"):
        cluster.registry.engines("qwen2.5-instrukt")
    with pytest.raises(ModelNotFoundError, match="has no model zzzz"):
        cluster.registry.choose(LaunchRequest(model_name="zzzz"))


def test_an_engine_without_a_virtual_environment_is_unavailable(cluster):
    engines = cluster.registry.engines("qwen2.5-instruct", virtual_env=False)
    assert "No module named" in engines.unavailable["vLLM"]


def test_a_registration_comes_and_goes(cluster, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    definition = {
        "version": 2,
        "model_name": "of-my-own",
        "context_length": 512,
        "model_lang": ["en"],
        "model_ability": ["chat"],
        "model_family": "llama-2-chat",
        "model_specs": [
            {
                "model_format": "pytorch",
                "model_size_in_billions": "0_1",
                "quantization": "none",
                "model_uri": f"file://{tmp_path}",
            }
        ],
        "chat_template": "x",
        "stop_token_ids": [],
        "stop": [],
    }
    cluster.registry.register("LLM", json.dumps(definition))
    assert "of-my-own" in cluster.registry.names()
    with pytest.raises(BadRequestError, match="already registered"):
        cluster.registry.register("LLM", json.dumps(definition))
    cluster.registry.unregister("LLM", "of-my-own")
    assert "of-my-own" not in cluster.registry.names()
    with pytest.raises(BadRequestError, match="model_specs"):
        cluster.registry.register("LLM", json.dumps({"version": 2, "model_name": "of-my-own"}))
