"""The registry and the cache, for every shape of answer that servers send."""

import pytest

from xinference_magics.cluster.cache import CachedModel
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.engine_choice import Engines, Offer, fitting
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.registrations import MODEL_TYPES, Definition, Registration, VllmModel
from xinference_magics.errors import BadRequestError, ModelNotFoundError, ServerError

REGISTRATIONS = "/v1/model_registrations"
NAMES = {
    "LLM": [("qwen3", True), ("qwen3-vl", True), ("mine", False)],
    "embedding": [("bge-m3", True)],
    "image": [("painter", True)],
}
ENGINES = {
    "sentence_transformers": [
        {"model_format": "pytorch", "model_size_in_billions": None, "quantization": "none"}
    ],
    "vllm": [{"model_format": "pytorch", "quantization": "none", "virtualenv_required": True}],
    "flag": "Failed to import FlagEmbedding: No module named 'FlagEmbedding'",
}


@pytest.fixture
def registry(answers):
    """A registry of a few models; `answers.paths` lists what it requested from the server."""
    for each in MODEL_TYPES:
        named = NAMES.get(each, [])
        listed = [{"model_name": name, "is_builtin": builtin} for name, builtin in named]
        answers[f"{REGISTRATIONS}/{each}"] = [(200, listed)]
        for name, builtin in named:
            specs = [{"model_format": "pytorch", "model_size_in_billions": 7}, "odd"]
            answers[f"{REGISTRATIONS}/{each}/{name}"] = [
                (200, {"model_name": name, "is_builtin": builtin, "model_specs": specs})
            ]
    answers["/v1/models/families"] = [
        (200, {"chat": ["qwen3", "qwen3-vl"], "vision": ["qwen3-vl"]})
    ]
    cluster = Cluster(answers.endpoint)
    yield cluster.registry
    cluster.close()


def test_custom_registrations_come_first(registry):
    listed = registry.registrations()
    assert [each.name for each in listed] == ["mine", "qwen3", "qwen3-vl"]
    assert listed[0] == Registration(name="mine", type="LLM", builtin=False, sizes=("7",),
                                     formats=("pytorch",))  # fmt: skip
    assert listed[2].abilities == ("chat", "vision")


def test_sizes_are_sorted_as_numbers():
    specs = [{"model_size_in_billions": size} for size in ("235", 4, "A3B", "1_8", "0.5", 30, 4)]
    read = Registration.from_json("LLM", {"model_name": "m", "model_specs": specs})
    assert read.sizes == ("0.5", "1_8", "4", "30", "235", "A3B")


def test_older_servers_report_no_abilities(registry, answers):
    answers["/v1/models/families"] = [(404, {"detail": "Not Found"})]
    assert [each.abilities for each in registry.registrations()] == [(), (), ()]


def test_a_search_finds_words_in_names_types_and_abilities(registry):
    assert [each.name for each in registry.search(["QWEN", "vision"])] == ["qwen3-vl"]
    assert [each.name for each in registry.search(["embed"])] == ["bge-m3"]
    assert [each.name for each in registry.search(["qwen3"])] == ["qwen3", "qwen3-vl"]
    assert registry.search(["qwen3"], "image") == []


def test_only_the_first_hits_are_looked_up(registry, answers):
    found = registry.search(["qwen3"], details=1)
    assert [each.sizes for each in found] == [("7",), ()]
    assert f"{REGISTRATIONS}/LLM/qwen3-vl" not in answers.paths


def test_a_type_that_a_server_does_not_have_is_skipped(registry, answers):
    answers[f"{REGISTRATIONS}/world"] = [(400, {"detail": "Unsupported model type: world"})]
    assert [each.name for each in registry.search(["painter"])] == ["painter"]
    assert registry.types_of("painter") == ["image"]


def test_an_unknown_name_suggests_near_names_or_another_type(registry, answers):
    answers["/v1/engines/LLM/bge-m3"] = [(200, None)]
    with pytest.raises(ModelNotFoundError, match="It is of type embedding"):
        registry.engines("bge-m3")
    answers["/v1/engines/LLM/qwen"] = [(200, None)]
    with pytest.raises(ModelNotFoundError, match="Did you mean qwen3"):
        registry.engines("qwen")
    answers[f"{REGISTRATIONS}/LLM/qwen33"] = [(400, {"detail": "Model qwen33 not found"})]
    with pytest.raises(ModelNotFoundError, match="Did you mean qwen3"):
        registry.registration("qwen33")


def test_a_taken_name_is_custom_or_builtin(answers, registry):
    taken = (400, {"detail": "[address=1, pid=2] Model qwen3 already registered"})
    listed = [{"model_name": "qwen3", "is_builtin": True}, {"model_name": "mine"}]
    for name, says in (("qwen3", "builtin"), ("mine", "already registered")):
        answers[f"{REGISTRATIONS}/LLM"] = [taken, (200, listed)]
        with pytest.raises(BadRequestError, match=says):
            registry.define("LLM", Definition(name, {"model_name": name}))


def test_unregister_removes_only_custom_models(registry, answers):
    with pytest.raises(BadRequestError, match="qwen3 is a builtin model"):
        registry.unregister("LLM", "qwen3")
    with pytest.raises(ModelNotFoundError, match="Did you mean mine"):
        registry.unregister("LLM", "mime")
    with pytest.raises(ModelNotFoundError, match="It is of type LLM"):
        registry.unregister("embedding", "mine")
    assert f"{REGISTRATIONS}/LLM/qwen3" not in answers.paths


def test_engines_without_sizes_and_with_reasons():
    engines = Engines.from_json("bge-m3", ENGINES)
    assert [offer.quantization for offer in engines.offers] == ["none", "none"]
    assert engines.offers[0].size is None
    assert "FlagEmbedding" in engines.unavailable["flag"]
    request = LaunchRequest(model_name="bge-m3", model_type="embedding", model_engine="VLLM")
    assert fitting(request, engines) == [Offer("vllm", "pytorch", None, "none", installed=False)]


def test_fitting_accepts_any_spelling():
    specs = [{"model_size_in_billions": "0_5", "quantizations": ["Int4", "Int8"]}]
    engines = Engines.from_json("m", {"e": specs})
    request = LaunchRequest(model_name="m", model_size_in_billions="0.5", quantization="int8")
    assert [offer.quantization for offer in fitting(request, engines)] == ["Int8"]


def test_vllm_models_have_the_abilities_that_list_them():
    data = {"chat": ["A", "B"], "generate": ["B"], "odd": None}
    assert VllmModel.list_from_json(data) == [
        VllmModel("A", ("chat",)),
        VllmModel("B", ("chat", "generate")),
    ]


def test_odd_cached_models_do_no_harm():
    assert CachedModel.from_json({"size_bytes": "many"}) == CachedModel(name="", version="")


def test_the_cache(answers):
    version = {"model_name": "m", "model_version": "m--1B--f--q"}
    answers["/v1/cache/models"] = [(200, {"list": [version]})]
    answers["/v1/cache/models/files"] = [(200, {"paths": []})]
    cluster = Cluster(answers.endpoint)
    with pytest.raises(ModelNotFoundError, match="Cached versions of it: m--1B--f--q"):
        cluster.cache.files("m")
    with pytest.raises(ModelNotFoundError, match="Did you mean m--1B--f--q"):
        cluster.cache.files("m--1B--f--g")
    answers["/v1/cache/models"] = [(200, {"result": False})]
    with pytest.raises(ServerError, match="could not remove all files of m--1B"):
        cluster.cache.remove("m--1B--f--q")
    cluster.close()
