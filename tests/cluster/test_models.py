"""Model descriptions, read from the answers of several server versions."""

from xinference_magics.cluster.models import ReplicaStatus, RunningModel

DESCRIPTION = {
    "model_type": "LLM",
    "address": "127.0.0.1:35175",
    "model_name": "m",
    "model_lang": ["en"],
    "model_ability": ["chat", "tools"],
    "model_format": "pytorch",
    "model_size_in_billions": "0_1",
    "model_family": "llama-2-chat",
    "quantization": "none",
    "context_length": 4096,
    "model_engine": "transformers",
    "replica": 2,
}


def test_a_description_becomes_typed_values():
    model = RunningModel.from_json("u", DESCRIPTION)
    assert model.uid == "u"
    assert "chat" in model.abilities
    assert (model.engine, model.format, model.size) == ("transformers", "pytorch", "0_1")
    assert (model.context_length, model.replica, model.languages) == (4096, 2, ("en",))
    assert model.raw is DESCRIPTION
    assert "raw" not in repr(model)


def test_missing_or_odd_values_do_no_harm():
    assert RunningModel.from_json("u", {}) == RunningModel(uid="u", name="u")
    odd = {"model_name": None, "model_ability": "chat", "context_length": "many", "replica": True}
    assert RunningModel.from_json("u", odd) == RunningModel(uid="u", name="u")
    assert RunningModel.from_json("u", {"model_size_in_billions": 7}).size == "7"


def test_embeddings_have_languages_too():
    model = RunningModel.from_json("e", {"model_type": "embedding", "language": ["en", "zh"]})
    assert model.languages == ("en", "zh")
    assert "chat" not in model.abilities


def test_an_empty_reason_differs_from_none():
    failed = {"replica_model_uid": "u-rep0", "status": "ERROR", "error_message": ""}
    assert ReplicaStatus.from_json(failed).error == ""
    assert ReplicaStatus.from_json({**failed, "error_message": None}).error is None
    assert not ReplicaStatus.from_json(failed).loading
