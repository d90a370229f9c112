"""A cluster of two machines, observed and controlled from a notebook; the tests form one story."""

import json
import re
from pathlib import Path

import psutil
import pytest
from kernel_driver import Kernel, environment
from two_workers import TwoWorkers

from xinference_magics.cluster.launching.plan import LaunchRequest

LAUNCH = "-n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env"
PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
CELL = re.compile(r"^```python\n(.*?)\n```", re.MULTILINE | re.DOTALL)
*_, PLACED, EACH_PLACED = CELL.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def machines(server_command, tmp_path_factory, tiny_definitions):
    """The cluster, with `pair` loading on both workers."""
    made = TwoWorkers(server_command, tmp_path_factory.mktemp("machines"))
    try:
        made.start()
        register(made.cluster, tiny_definitions)
        made.pair = made.cluster.launch(
            LaunchRequest(
                model_name="tiny-chat",
                model_uid="pair",
                model_format="ggufv2",
                replica=2,
                extra={"n_threads": 1},
            )
        )
        yield made
    finally:
        made.stop()


def register(cluster, definitions):
    for definition in definitions:
        cluster.registry.register("LLM", json.dumps(definition))


@pytest.fixture(scope="module")
def notebook(machines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    made = Kernel.loaded(environment(folder, XINFERENCE_ENDPOINT=machines.endpoint))
    yield made
    made.close()


def as_here(cell, machines, model, uid):
    """Adapt a cell of the page on clusters to the workers of this one, which have no GPUs."""
    there = {"10.0.0.1:9978": machines.first, "10.0.0.2:9978": machines.second}
    there |= {"10.0.0.2 ": f"{machines.second} ", "--gpu-idx 0,1": "", ', "gpu_idx": [0]': ""}
    for written, meant in {**there, model: f"{LAUNCH} -u {uid}"}.items():
        cell = cell.replace(written, meant)
    return cell


def shown(notebook, code, **options):
    """Return what a cell shows: its printed output, then its value as text."""
    reply = notebook.run(code, **options)
    assert reply.status == "ok", reply
    return "\n".join([reply.stdout, *(each["text/plain"] for each in reply.displays)])


def test_replicas_are_placed_one_by_one(notebook, machines):
    launch = as_here(EACH_PLACED, machines, "-n qwen3 -s 8", "by-config")
    assert "Model uid: by-config" in shown(notebook, launch, timeout=300)
    replicas = shown(notebook, "%xinference replicas by-config")
    assert all(address in replicas for address in (machines.first, machines.second))
    shown(notebook, "%xinference terminate by-config")
    elsewhere = launch.replace(machines.first, "127.0.0.9:1")
    reply = notebook.run(elsewhere)
    assert reply.status == "error"
    assert "has no worker 127.0.0.9:1. Workers: " in reply.stdout


def test_a_model_to_be_spread_is_waited_for(notebook, machines):
    spread = f"%xinference launch {LAUNCH} -u spread --n-worker 2"
    said = shown(notebook, spread, timeout=300)
    assert "llama.cpp runs a model on one worker only, not on 2." in said
    assert "Model uid: spread" in said
    assert "is not responding" not in shown(notebook, "%xinference replicas spread")
    shown(notebook, "%xinference terminate spread")


def test_a_model_is_launched_on_the_given_worker(notebook, machines):
    placed = as_here(PLACED, machines, "-n qwen3 -s 32", "placed")
    assert "Model uid: placed" in shown(notebook, placed, timeout=300)
    replicas = shown(notebook, "%xinference replicas placed")
    assert "placed-rep0" in replicas
    assert machines.second in replicas
    assert machines.first not in replicas


def test_two_replicas_run_on_two_workers(notebook, machines):
    machines.pair.wait()
    where = notebook.value("r = %xinference replicas pair\n[each.worker for each in r]")
    assert sorted(json.loads(where.replace("'", '"'))) == [machines.first, machines.second]
    workers = shown(notebook, "w = %xinference workers\nw")
    assert all(address in workers for address in (machines.first, machines.second))
    assert "placed-rep0" in workers
    assert "GiB" in workers
    assert workers.count(" ok") == 2
    assert "Supervisor 127.0.0.1:" in workers
    assert notebook.value("[each.version for each in w]") == "['4.1.0', '4.1.0']"
    assert notebook.value("w.to_pandas().memory_total.min() > 0") == "np.True_"
    assert "%xinference replicas pair" in shown(notebook, "%xinference list")


def test_a_model_gets_fewer_replicas_and_more(notebook, machines):
    fewer = shown(notebook, "%xinference replicas pair 1")
    (left,) = re.findall(r"Ending pair-rep1 on (\S+)\.", fewer)
    assert "READY" in fewer
    assert fewer.count("READY") == 1
    more = shown(notebook, f"%xinference replicas pair 2 --worker-ip {left}", timeout=300)
    assert more.count("READY") == 2
    assert machines.first in more
    assert machines.second in more


def test_invalid_scaling_is_refused(notebook):
    for code, said in (
        ("%xinference replicas pare", "Did you mean pair"),
        ("%xinference replicas pair 0", "%xinference terminate"),
        ("%xinference replicas pair 3 --worker-ip 127.0.0.9", "is not in the cluster"),
    ):
        reply = notebook.run(code)
        assert reply.status == "error"
        assert said in reply.stdout
    assert shown(notebook, "%xinference replicas pair").count("READY") == 2


def test_a_watch_ends_with_an_interrupt_and_leaves_its_table(notebook, machines):
    notebook.run("%xinference use pair")
    sent = notebook.send("%xinference watch -i 0.3")
    reply = notebook.collect(sent, until=lambda seen: "requests in the" in str(seen.displays))
    notebook.manager.interrupt_kernel()
    reply = notebook.collect(sent, reply=reply)
    assert reply.status == "ok"
    assert reply.stdout == ""
    assert len(reply.displays) == 1
    left = reply.displays[0]["text/plain"]
    assert "2 of 2" in left
    assert machines.first in left
    assert "watched for" in left
    assert "until interrupted" not in left
    assert "watched for 1 s" in shown(notebook, "%xinference watch -i 0.4 --for 1")


def test_logs_of_a_model_the_supervisor_and_a_worker(notebook, machines):
    assert "Launch model" in shown(notebook, "%xinference logs placed")
    assert "role:supervisor" in shown(notebook, "%xinference logs -n 500")
    assert "role:worker" in shown(notebook, f"%xinference logs -n 500 --worker {machines.first}")
    assert notebook.value("len(get_ipython().run_line_magic('xinference', 'logs -n 2'))") == "2"


def test_what_llama_cpp_lacks_is_reported_with_an_alternative(notebook):
    reply = notebook.run("""%xinference reload placed --model-config '{"n_ctx": 512}'""")
    assert "requires vLLM or SGLang" in reply.stdout
    assert "%xinference terminate placed" in reply.stdout
    reply = notebook.run("""%xinference reload pair --model-config '{"n_ctx": 512}'""")
    assert "%xinference replicas pair 1" in reply.stdout


def test_the_api_is_relaunched_and_models_keep_running(notebook):
    ended = shown(notebook, "done = %xinference relaunch-api", timeout=300)
    assert "✓ Relaunching the api: done" in ended
    assert notebook.value("done.status, done.target_version") == "('succeeded', '4.1.0')"
    assert "Hello" in shown(notebook, "%chat -t 0 --new Hello!")


def test_a_worker_dies_under_load(notebook, machines):
    sent = notebook.send("for _ in range(500):\n    t = %chat -t 0 --new Count from 1 to 300.")
    notebook.collect(sent, until=lambda reply: len(reply.displays) > 2)
    machines.kill_worker(machines.second)
    reply = notebook.collect(sent, timeout=120)
    assert reply.status == "error"
    said = reply.stdout.strip().splitlines()[-1]
    assert "or its worker, is not responding" in said
    assert machines.second in said or "127.0.0.2" in said
    assert "Traceback" not in reply.stdout
    assert f"{machines.second} is not responding" in shown(notebook, "%xinference replicas pair")
    assert machines.second in shown(notebook, "%xinference workers")  # the list does not fail
    machines.await_workers(1)
    assert machines.second not in shown(notebook, "%xinference workers")
    replicas = shown(notebook, "%xinference replicas pair")
    assert replicas.count("READY") == replicas.count("TERMINATED") == 1
    for _ in range(3):
        assert "Hello" in shown(notebook, "%chat -t 0 --new Hello!")
    assert "ModelNotFoundError" in notebook.run("%xinference describe placed").stdout


def test_a_returning_worker_is_listed_and_has_forgotten_the_model(notebook, machines):
    machines.start_worker(machines.second)
    machines.await_workers(2)
    assert machines.second in shown(notebook, "%xinference workers")
    more = f"%xinference replicas pair 2 --worker-ip {machines.second}"
    reply = notebook.run(more, timeout=120)
    assert "LaunchError" in reply.stdout
    assert "register the model again" in reply.stdout
    assert "Hello" in shown(notebook, "%chat -t 0 --new Hello!")


def test_the_supervisor_is_relaunched_and_finds_its_workers_again(notebook, machines):
    ended = shown(notebook, "done = %xinference relaunch-supervisor", timeout=300)
    assert "✓ Relaunching the supervisor: done" in ended
    assert notebook.value("done.status") == "'succeeded'"
    machines.await_workers(2)
    assert "Hello" in shown(notebook, "%chat -t 0 --new Hello!")


def test_a_cluster_is_stopped_when_the_question_is_answered(notebook, machines):
    models = [
        process
        for worker in (machines.first, machines.second)
        for process in machines.processes[worker].children(recursive=True)
    ]
    sent = notebook.send("%xinference stop-cluster")
    question = notebook.client.get_stdin_msg(timeout=240)["content"]["prompt"]
    assert f"Stop the Xinference at {machines.endpoint} for everyone" in question
    assert machines.first in question
    assert "1 model (pair)" in question
    notebook.client.input("n")
    assert "Nothing was done" in notebook.collect(sent).stdout
    assert "Stopped the cluster" in shown(notebook, "%xinference stop-cluster --yes")
    _, alive = psutil.wait_procs([*machines.processes.values(), *models], timeout=240)
    assert not alive
    assert "ConnectError" in notebook.run("%xinference list").stdout
