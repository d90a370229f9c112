"""What the management API of Xinference 4.1 returns on a cluster with two workers."""

import time

FIRST, SECOND = "127.0.0.1:19932", "127.0.0.2:19933"

CPU = {
    "usage": 0.25,
    "total": 2,
    "memory_used": 8460984320,
    "memory_available": 16815525888,
    "memory_total": 25276510208,
}
GPU = {
    "name": "NVIDIA L4",
    "mem_total": 24152899584.0,
    "mem_free": 21152899584.0,
    "mem_used": 3000000000.0,
    "mem_usage": 0.124,
    "gpu_util": 37.0,
}


def worker_status(*, heard=2.0, left=5, **devices):
    return {
        "update_time": time.time() - heard,
        "failure_remaining_count": left,
        "status": {"cpu": CPU, **devices},
    }


def status():
    gpus = {"gpu-0": GPU, "gpu-1": {**GPU, "gpu_util": 63.0}}
    return {"uptime": 923, "workers": {SECOND: worker_status(), FIRST: worker_status(**gpus)}}


INFO = [
    {"node_type": "Supervisor", "ip_address": "127.0.0.1:19931", "gpu_count": 0},
    {"node_type": "Worker", "ip_address": FIRST, "software_version": "4.1.0", "gpu_count": 1},
    {"node_type": "Worker", "ip_address": SECOND, "software_version": "4.0.0", "gpu_count": 0},
]
METRICS = """\
requests_total_counter{method="GET",path="/v1/models"} 75
requests_total_counter{method="POST",path="/v1/models"} 9
requests_total_counter{method="POST",path="/v1/chat/completions"} 40
requests_total_counter{method="POST",path="/v1/embeddings"} 2
responses_total_counter{method="POST",path="/v1/chat/completions"} 40
"""


def replica(number, worker, status="READY", error=None, uid="m"):
    return {
        "replica_id": number,
        "replica_model_uid": f"{uid}-rep{number}",
        "worker_address": worker,
        "model_address": "127.0.0.1:4000" if status == "READY" else None,
        "accelerators": [],
        "status": status,
        "created_ts": int(time.time()) - 60,
        "error_message": error,
        "replica_uid": None,
        "gpu_idx": None,
    }


def instance(uid, replicas, status="READY", age=60):
    return {
        "model_name": "tiny-chat",
        "model_uid": uid,
        "model_version": None,
        "model_ability": ["chat", "tools"],
        "replica": len(replicas),
        "status": status,
        "instance_created_ts": int(time.time()) - age,
        "n_worker": 1,
        "replica_statuses": replicas,
    }


def instances():
    """Return a running model, one that failed a minute ago, and one that failed yesterday."""
    return [
        instance("m", [replica(0, FIRST), replica(1, SECOND)]),
        instance("broken", [replica(0, FIRST, "ERROR", "<b>bad</b> file", uid="broken")], "ERROR"),
        instance("old", [replica(0, FIRST, "ERROR", uid="old")], "ERROR", age=86400),
    ]


FORBIDDEN = (403, {"detail": "API keys can only access model query and inference endpoints"})
UNAUTHORIZED = (401, {"detail": "Could not validate credentials"})


def play(answers):
    """Make a scripted server answer like this cluster."""
    answers["/status"] = [(200, status())]
    answers["/v1/models/instances"] = [(200, instances())]
    answers["/v1/address"] = [(200, '"127.0.0.1:19931"')]
    answers["/v1/cluster/info"] = [(200, INFO)]
    answers["/v1/cluster/auth"] = [(200, {"auth": False})]
    answers["/v1/cluster/version"] = [(200, {"version": "4.1.0"})]
    answers["/metrics"] = [(200, METRICS)]
