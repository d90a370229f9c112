"""Launch outcomes that a real server shows only now and then, replayed from recorded answers."""

import pytest

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching import launch as launches
from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.launching.progress import Download
from xinference_magics.errors import AuthenticationError, ConnectError, LaunchError

INSTANCES = "/v1/models/instances"
PROGRESS = "/v1/models/u/progress"
EVENTS = "/v1/models/u/events"
CANCEL = "/v1/models/u/cancel"
DESCRIBE = "/v1/models/u"

GONE = (400, {"detail": "Model not found in the model list, uid: u"})
READY = (200, {"model_name": "m", "model_ability": ["chat"]})


def states(*replicas):
    """Return the instances of a UID, from pairs of status and reason."""
    listed = [
        {"replica_model_uid": f"u-rep{number}", "status": status, "error_message": reason}
        for number, (status, reason) in enumerate(replicas)
    ]
    return 200, [{"model_uid": "u", "status": "READY", "replica_statuses": listed}]


CREATING = states(("CREATING", None))


@pytest.fixture
def launch(answers, monkeypatch):
    monkeypatch.setattr(launches, "_UNWINDING", 0.3)
    monkeypatch.setattr(launches, "_GRACE_SECONDS", 0.5)
    cluster = Cluster(answers.endpoint)
    answers[PROGRESS] = [(200, {"progress": 0.82, "stage": "loading"})]
    answers[EVENTS] = [(200, [])]
    answers[DESCRIBE] = [GONE]
    yield Launch(cluster, "u")
    cluster.close()


def failure(launch):
    with pytest.raises(LaunchError) as caught:
        launch.wait(interval=0.05)
    return caught.value


def test_the_uid_is_the_one_that_the_server_assigns(answers, launch):
    """The model's name if that is free, otherwise the name and eight characters."""
    answers["/v1/models"] = [(200, {"model_uid": "qwen-T54iEA0b"})]
    asked = LaunchRequest(model_name="qwen", model_engine="llama.cpp")
    assert launch.cluster.launch(asked).uid == "qwen-T54iEA0b"


def test_one_ready_replica_is_not_success(answers, launch):
    answers[INSTANCES] = [
        states(("READY", None), ("CREATING", None)),
        states(("READY", None), ("READY", None)),
    ]
    answers[DESCRIBE] = [(503, {"detail": "Model is loading"}), READY]
    seen = []
    assert "chat" in launch.wait(seen.append, interval=0.05).abilities
    assert [progress.done for progress in seen] == [False, False, True]


def spread(status):
    """Return the instances of a model on two workers, whose replicas the server does not list."""
    return 200, [{"model_uid": "u", "status": status, "replica": 1, "n_worker": 2}]


def test_a_model_that_is_spread_over_workers_is_waited_for(answers, launch, monkeypatch):
    monkeypatch.setattr(launches, "_GRACE_SECONDS", 0.0)
    answers[INSTANCES] = [*[spread("CREATING")] * 5, spread("READY")]
    answers[PROGRESS] = [(200, {"progress": 0.0, "stage": "launching", "replicas": []})]
    answers[DESCRIBE] = [(503, {"detail": "Model is loading"}), READY]
    seen = []
    assert launch.wait(seen.append, interval=0.01).uid == "u"
    assert [progress.stage for progress in seen] == ["starting"] * 6 + ["ready"]


def test_a_model_that_is_spread_over_workers_fails_without_a_reason(answers, launch):
    answers[INSTANCES] = [spread("CREATING"), spread("ERROR")]
    assert "the server gave no reason" in failure(launch).message


def test_one_failed_replica_is_failure_with_its_reason(answers, launch):
    answers[INSTANCES] = [
        CREATING,
        states(("READY", None), ("ERROR", "[address=127.0.0.1:1, pid=2] No space\nleft.")),
    ]
    assert failure(launch).message == "u did not start: No space left."


def test_a_late_reason_is_waited_for(answers, launch):
    answers[INSTANCES] = [states(("ERROR", None)), states(("ERROR", None)), states(("ERROR", "x"))]
    seen = []
    with pytest.raises(LaunchError, match="u did not start: x"):
        launch.wait(seen.append, interval=0.05)
    assert [progress.stage for progress in seen] == ["unwinding", "unwinding", "failed"]


def test_a_failure_that_never_gets_a_reason_is_a_cancel(answers, launch):
    answers[INSTANCES] = [states(("ERROR", None))]
    answers[PROGRESS] = [(200, {"progress": 0.0, "stage": "pending"})]
    assert "u did not start: cancelled" in str(failure(launch))


def test_a_failure_that_takes_long_to_unwind_is_not_a_cancel(answers, launch):
    """A busy server holds the launch for a long time before it gives the reason."""
    answers[INSTANCES] = [*[states(("ERROR", None))] * 20, states(("ERROR", "no memory"))]
    assert "u did not start: no memory" in failure(launch).message


def test_an_empty_reason_suggests_the_usual_one(answers, launch):
    answers[INSTANCES] = [states(("ERROR", ""))]
    error = failure(launch)
    assert "the server gave no reason" in error.message
    assert "60 s" in error.hint
    assert "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT" in error.hint


def test_an_empty_reason_is_looked_up_in_the_events(answers, launch):
    answers[INSTANCES] = [states(("ERROR", ""))]
    answers[EVENTS] = [(200, [{"event_type": "ERROR", "event_content": "out of memory"}])]
    assert "u did not start: out of memory." in failure(launch).message


def test_a_launch_that_vanishes_has_failed(answers, launch):
    answers[INSTANCES] = [CREATING, (200, [])]
    assert "terminated or cancelled" in failure(launch).message


def test_a_launch_that_never_appears_has_failed(answers, launch):
    answers[INSTANCES] = [(200, [])]
    assert "the server knows nothing about it" in failure(launch).message


def test_a_busy_server_is_tolerated(answers, launch):
    answers[INSTANCES] = [(500, {"detail": ""}), (503, {"detail": "busy"}), states(("READY", None))]
    answers[DESCRIBE] = [READY]
    assert launch.wait(interval=0.05).uid == "u"


def test_waiting_for_a_busy_server_can_be_interrupted(answers, launch):
    answers[INSTANCES] = [(500, {"detail": ""})]

    def pause(_seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.wait(pause=pause)


def test_an_unreachable_server_is_not_tolerated(launch):
    launch.cluster._api.endpoint = "http://127.0.0.1:1"
    launch.cluster._api.client.base_url = "http://127.0.0.1:1"
    with pytest.raises(ConnectError, match="refused"):
        launch.wait(interval=0.05)


def test_polling_ends_after_bad_credentials(answers, launch):
    answers[INSTANCES] = [CREATING, (401, {"detail": "Could not validate credentials"})]
    with pytest.raises(AuthenticationError):
        launch.wait(interval=0.05)
    assert answers.paths.count(INSTANCES) == 2


def test_a_cancel_that_comes_too_late_is_reported(answers, launch):
    answers[INSTANCES] = [CREATING, states(("READY", None))]
    answers[CANCEL] = [(200, None)]
    result = launch.cancel()
    assert result.state == "orphaned"
    assert "keeps its memory" in result.message


def test_a_ready_model_is_never_cancelled(answers, launch):
    answers[INSTANCES] = [states(("READY", None))]
    assert launch.cancel().state == "ready"
    assert CANCEL not in answers.paths


def test_a_launch_with_a_ready_replica_is_never_cancelled(answers, launch):
    answers[INSTANCES] = [states(("READY", None), ("CREATING", None))]
    result = launch.cancel()
    assert result.state == "partly"
    assert result.message.startswith("1 of the 2 replicas of u are ready")
    assert CANCEL not in answers.paths


def test_a_launch_that_the_server_has_forgotten_has_failed(answers, launch):
    """Happens if a cancel meets a ready replica: the other one loads forever."""
    answers[INSTANCES] = [states(("READY", None), ("CREATING", None))]
    answers[PROGRESS] = [(200, {"progress": 0.0, "stage": "pending", "replicas": []})]
    assert "the server has lost it" in failure(launch).message


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("No module named 'vllm'", "enable_virtual_env=True"),
        ("Failed to download model 'm' (size: 7) after multiple retries", "model_path=..."),
    ],
)
def test_a_known_failure_names_the_remedy(answers, launch, reason, remedy):
    answers[INSTANCES] = [states(("ERROR", reason))]
    assert remedy in failure(launch).hint


FAILED = "Failed to download model 'm' (size: 7) after multiple retries"
OFFLINE = (
    "Cannot reach https://hub/m: offline mode is enabled. To disable it, please unset the "
    "`HF_HUB_OFFLINE` environment variable."
)
CHAIN = """\
The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/early.py", line 1, in early
RuntimeError: the log begins in the middle of a chain
2026-11-29 INFO something else: and nothing raised
Traceback (most recent call last):
  File "/hub.py", line 224, in hook
    raise {first}

{then}The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/cache.py", line 316, in snapshot
huggingface_hub.errors.LocalEntryNotFoundError: Cannot find it, and it was not fetched.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/utils.py", line 1069, in retry
RuntimeError: {failed}
2026-11-29 ERROR supervisor Failed to launch replica: {failed}
Traceback (most recent call last):
  File "/other.py", line 1, in other
ValueError: another matter
"""


@pytest.mark.parametrize(
    ("raised", "began", "remedy"),
    [
        (f"hub.errors.OfflineModeIsEnabled: {OFFLINE}", "OfflineModeIsEnabled", "HF_HUB_OFFLINE"),
        ("socket.gaierror: [Errno -2] Name or service not known", "gaierror", "reach the model"),
        ("RuntimeError: the client has been closed", "LocalEntryNotFoundError", "reach the model"),
        ("httpx.HTTPStatusError: 401 for it", "LocalEntryNotFoundError", "reach the model"),
    ],
)
def test_a_failed_download_names_its_first_cause(answers, launch, raised, began, remedy):
    """The server reports only that it failed; the chain of exceptions is in its log."""
    answers[INSTANCES] = [states(("ERROR", FAILED))]
    text = CHAIN.format(first="it", then=f"{raised}\n\n", failed=FAILED)
    answers["/v1/cluster/runtime-logs"] = [(200, {"text": text})]
    error = failure(launch)
    assert error.message.startswith(f"u did not start: {FAILED} ({began}: ")
    assert remedy in error.hint
    assert "another matter" not in str(error)


def test_a_failed_download_whose_log_says_nothing(answers, launch):
    answers[INSTANCES] = [states(("ERROR", FAILED))]
    answers["/v1/cluster/runtime-logs"] = [(200, {"text": "nothing of it"})]
    assert failure(launch).message == f"u did not start: {FAILED}."


def test_each_replica_has_its_stage_and_files(answers, launch):
    file = {
        "name": "model.safetensors",
        "downloaded_bytes": 512,
        "total_bytes": 2048,
        "progress": 0.25,
        "speed_bytes_per_second": 128.5,
        "status": "downloading",
    }
    going = {"replica_model_uid": "u-rep0", "progress": 0.2, "stage": "downloading"}
    waiting = {"replica_model_uid": "u-rep1", "progress": 0.8, "stage": "waiting_for_dependencies"}
    said = {
        "progress": 0.5,
        "stage": "downloading",
        "download_files": [file],
        "replicas": [{**going, "download_files": [file]}, waiting],
    }
    answers[INSTANCES] = [states(("CREATING", None), ("CREATING", None), ("READY", None))]
    answers[PROGRESS] = [(200, said)]
    progress = launch.poll()
    assert (progress.stage, progress.fraction) == ("downloading", 0.5)
    assert [(part.stage, part.fraction) for part in progress.parts] == [
        ("downloading", 0.2),
        ("waiting_for_dependencies", None),
        ("ready", None),
    ]
    assert progress.parts[0].downloads == (Download("model.safetensors", 512, 2048, 128.5),)


def test_a_constant_progress_is_not_a_fraction(answers, launch):
    answers[INSTANCES] = [CREATING]
    answers[PROGRESS] = [(200, {"progress": 0.82, "stage": "loading", "replicas": "?"})]
    assert launch.poll().fraction is None
    answers[PROGRESS] = [(200, {"progress": 0.0, "stage": "launching"})]
    assert launch.poll().stage == "starting"
