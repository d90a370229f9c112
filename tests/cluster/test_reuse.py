"""Which running models a launch reuses, based on the server's answers."""

import pytest

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import HIDDEN, LaunchRequest, plan
from xinference_magics.cluster.launching.reuse import LaunchHistory, LaunchTarget, find
from xinference_magics.errors import BadRequestError

RUNNING = {
    "model_type": "LLM",
    "model_name": "qwen",
    "model_engine": "llama.cpp",
    "model_format": "ggufv2",
    "model_size_in_billions": "0_5",
    "quantization": "q4_k_m",
    "model_ability": ["chat"],
    "replica": 2,
    "n_worker": 1,
}
GONE = (400, {"detail": "Model not found in the model list, uid: x"})
INSTANCES = "/v1/models/instances"


def wanted(*, typed=(), hidden=(), **given):
    request = {
        "model_name": "qwen",
        "model_engine": "llama.cpp",
        "model_format": "ggufv2",
        "model_size_in_billions": 0.5,
        "quantization": "Q4_K_M",
        **given,
    }
    return LaunchTarget(LaunchRequest(**request), frozenset(typed), tuple(hidden))


@pytest.fixture
def cluster(answers):
    """A cluster with one ready model, whose UID is `mine`."""
    answers["/v1/models"] = [(200, {"data": [{"id": "mine", **RUNNING}]})]
    answers["/v1/models/mine"] = [(200, RUNNING)]
    answers[INSTANCES] = [(200, [])]
    made = Cluster(answers.endpoint)
    yield made
    made.close()


def test_the_same_model_is_reused(cluster):
    found = find(cluster, wanted(), LaunchHistory())
    assert (found.existing.uid, found.existing.loading) == ("mine", False)
    assert found.existing.said == (
        "mine (qwen, llama.cpp, ggufv2, size 0_5, q4_k_m) is already running; using it."
    )
    assert found.existing.planned == (
        "mine (qwen, llama.cpp, ggufv2, size 0_5, q4_k_m) is already running; "
        "the launch would use it."
    )


@pytest.mark.parametrize(
    "given",
    [
        {"model_name": "qwen2"},
        {"model_type": "embedding"},
        {"model_format": "gptq"},
        {"model_size_in_billions": 7},
        {"quantization": "q2_k"},
        {"model_engine": "vllm", "typed": ["model_engine"]},
        {"replica": 1, "typed": ["replica"]},
        {"n_worker": 2, "typed": ["n_worker"]},
    ],
)
def test_another_model_is_not_reused(cluster, given):
    found = find(cluster, wanted(**given), LaunchHistory())
    assert (found.existing, found.said) == (None, "")


def test_unspecified_options_may_differ(cluster):
    assert find(cluster, wanted(model_engine="vllm", replica=1), LaunchHistory()).existing


def test_options_that_the_server_does_not_report_start_another_model(cluster):
    found = find(cluster, wanted(hidden=["--n_threads"]), LaunchHistory())
    assert found.existing is None
    said = "mine runs the same model; the server does not say whether --n_threads is the same, so"
    assert found.said.startswith(said)


def test_a_launch_of_this_notebook_is_known(cluster):
    own = LaunchHistory()
    asked = wanted(hidden=["--n_threads"], extra={"n_threads": 1})
    own.note(cluster.endpoint, "mine", asked.request)
    assert find(cluster, asked, own).existing.uid == "mine"
    other = wanted(hidden=["--n_threads"], extra={"n_threads": 2})
    assert find(cluster, other, own).existing is None
    own.forget(cluster.endpoint, "mine")
    assert find(cluster, asked, own).existing is None


def test_with_a_uid_only_the_uid_counts(cluster, answers):
    answers["/v1/models/other"] = [GONE]
    assert find(cluster, wanted(model_uid="other"), LaunchHistory()).existing is None
    found = find(cluster, wanted(model_uid="mine", hidden=["--n_threads"]), LaunchHistory())
    assert found.existing.uid == "mine"
    assert found.existing.said.endswith(
        "using it. The server does not say whether --n_threads is the same."
    )
    found = find(cluster, wanted(model_uid="mine", hidden=["--env", "--n_ctx"]), LaunchHistory())
    assert found.existing.said.endswith("whether --env, --n_ctx are the same.")


def test_a_uid_of_another_model_is_refused(cluster):
    with pytest.raises(BadRequestError) as caught:
        find(cluster, wanted(model_uid="mine", quantization="q2_k"), LaunchHistory())
    assert caught.value.message == "The UID mine is taken by a model with quantization q4_k_m."
    assert "terminate('mine')" in caught.value.hint


def test_a_model_that_has_just_gone_is_not_reused(cluster, answers):
    answers["/v1/models/mine"] = [GONE]
    assert find(cluster, wanted(), LaunchHistory()).existing is None


@pytest.mark.parametrize("uid", [None, "qwen"])
def test_a_launch_in_progress_is_joined(cluster, answers, uid):
    loading = {"replica_model_uid": "qwen-rep0", "status": "CREATING"}
    answers["/v1/models"] = [(200, {"data": []})]
    answers["/v1/models/qwen"] = [(503, {"detail": "Model is loading, please retry later"})]
    answers[INSTANCES] = [(200, [{"model_uid": "qwen", "replica_statuses": [loading]}])]
    found = find(cluster, wanted(model_uid=uid), LaunchHistory())
    assert (found.existing.uid, found.existing.loading) == ("qwen", True)
    assert found.existing.said == "qwen is already loading; waiting for it."
    assert found.existing.planned == "qwen is already loading; the launch would wait for it."
    failed = {"replica_model_uid": "qwen-rep1", "status": "ERROR"}
    answers[INSTANCES] = [(200, [{"model_uid": "qwen", "replica_statuses": [loading, failed]}])]
    assert find(cluster, wanted(model_uid=uid), LaunchHistory()).existing is None


@pytest.fixture
def offers(answers):
    spec = {
        "model_name": "qwen",
        "model_format": "ggufv2",
        "model_size_in_billions": "0_5",
        "quantizations": ["q4_k_m"],
    }
    answers["/v1/engines/LLM/qwen"] = [(200, {"llama.cpp": [spec]})]
    answers["/status"] = [(200, {"workers": {"10.0.0.1:9000": {}}})]


def test_a_plan_holds_the_choice_and_hides_secrets(cluster, offers):
    asked = LaunchRequest(
        model_name="qwen", envs={"HF_TOKEN": "sk-1"}, extra={"api_key": "sk-2", "n_threads": 1}
    )
    planned = plan(cluster, asked)
    body = planned.body()
    assert body["model_engine"] == "llama.cpp"
    assert body["envs"] == {"HF_TOKEN": HIDDEN}
    assert (body["api_key"], body["n_threads"]) == (HIDDEN, 1)
    assert "sk-" not in f"{planned!r}{planned.request!r}"
    assert planned.request.envs == {"HF_TOKEN": "sk-1"}
    assert planned.existing is None


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("hf_token", True),
        ("API_KEY", True),
        ("client_secret", True),
        ("max_num_batched_tokens", False),
        ("tokenizer_mode", False),
    ],
)
def test_a_plan_hides_nothing_but_secrets(cluster, offers, name, hidden):
    body = plan(cluster, LaunchRequest(model_name="qwen", extra={name: "x"})).body()
    assert (body[name] == HIDDEN) is hidden


@pytest.mark.parametrize(("workers", "said"), [(1, False), (2, True)])
def test_workers_that_an_engine_does_not_use_are_reported(cluster, answers, offers, workers, said):
    answers["/status"] = [(200, {"workers": {"10.0.0.1:9000": {}, "10.0.0.2:9000": {}}})]
    planned = plan(cluster, LaunchRequest(model_name="qwen", n_worker=workers))
    note = "llama.cpp runs a model on one worker only, not on 2."
    assert (note in planned.said) is said


@pytest.mark.parametrize("places", [{}, {"worker_ip": "10.0.0.1"}])
def test_a_model_is_not_spread_over_more_workers_than_there_are(cluster, offers, places):
    with pytest.raises(BadRequestError, match="2 workers are more than") as caught:
        plan(cluster, LaunchRequest(model_name="qwen", n_worker=2, **places))
    assert caught.value.hint.startswith("Workers: 10.0.0.1")


def test_a_plan_that_reuses_a_model_reports_no_choice(cluster, offers):
    planned = plan(cluster, LaunchRequest(model_name="qwen"), own=LaunchHistory())
    assert planned.existing.uid == "mine"
    assert planned.said == ()


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.1:9000", "10.0.0.1, 10.0.0.1:9000"])
def test_an_existing_worker_is_accepted(cluster, offers, address):
    planned = plan(cluster, LaunchRequest(model_name="qwen", worker_ip=address))
    assert planned.request.worker_ip == address


def test_an_unknown_worker_is_refused(cluster, offers):
    with pytest.raises(BadRequestError, match=r"has no worker 10\.0\.0\.2\."):
        plan(cluster, LaunchRequest(model_name="qwen", worker_ip="10.0.0.1,10.0.0.2"))


@pytest.mark.parametrize(("address", "there"), [("10.0.0.1:9000", True), ("10.0.0.1", False)])
def test_a_replica_is_placed_on_a_worker_with_its_port(cluster, offers, address, there):
    placed = [{"devices": [{"worker_ip": address}]}, {"odd": 1}]
    asked = LaunchRequest(model_name="qwen", replica=2, replica_config=placed)
    if there:
        assert plan(cluster, asked).request.replica_config == placed
        return
    with pytest.raises(BadRequestError, match=r"has no worker 10\.0\.0\.1\."):
        plan(cluster, asked)


def test_a_uid_with_a_slash_is_refused_before_anything_is_requested(cluster, answers):
    with pytest.raises(BadRequestError, match="No URL can name"):
        plan(cluster, LaunchRequest(model_name="qwen", model_uid="a/b"))
    assert answers.paths == []
