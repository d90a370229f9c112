"""Models, registrations and machines on older servers."""

import json
import shutil
from pathlib import Path

import pytest

from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.operations import relaunch
from xinference_magics.cluster.operations import reload as reload_model
from xinference_magics.cluster.scaling import Scaling
from xinference_magics.errors import BadRequestError, LaunchError, ModelNotFoundError, ServerError


def tiny(uid=None, **given):
    return LaunchRequest(
        **{
            "model_name": "tiny-chat",
            "model_uid": uid,
            "model_format": "ggufv2",
            "enable_virtual_env": False,
            "extra": {"n_threads": 1},
            **given,
        }
    )


@pytest.fixture
def registered(tiny_registered, cluster):
    return cluster


def test_the_registry(registered):
    """`registrations`, `search`."""
    listed = registered.registry.registrations()
    assert [each.name for each in listed if not each.builtin][:1] == ["tiny-chat"]
    assert any(each.builtin and "chat" in each.abilities for each in listed)
    for model_type in ("embedding", "rerank", "image"):
        assert registered.registry.registrations(model_type)
    found = registered.registry.search(["qwen2.5-instruct"], details=1)
    assert found[0].name == "qwen2.5-instruct"
    assert "7" in found[0].sizes


def test_registering(registered, tiny_definitions, tmp_path):
    """`register`, `unregister`, and what is wrong with a definition."""
    own = {**tiny_definitions[0], "model_name": "own-model"}
    registry = registered.registry
    registry.register("LLM", json.dumps(own))
    assert not registry.registration("own-model").builtin
    with pytest.raises(BadRequestError, match="already registered"):
        registry.register("LLM", json.dumps(own))
    registry.unregister("LLM", "own-model")
    assert "own-model" not in registry.names()
    with pytest.raises(ModelNotFoundError):
        registry.unregister("LLM", "own-model")


def test_engines(registered):
    """`engine`: what can run a model, and the choice of what is left open."""
    registry = registered.registry
    assert registry.choose(tiny()).engine == "llama.cpp"
    assert registry.choose(tiny(model_format="pytorch")).engine == "Transformers"
    assert registry.engines("qwen2.5-instruct").possible("format", {"engine": "llama.cpp"})
    assert registry.engines("bge-m3", "embedding").offers
    with pytest.raises(ModelNotFoundError, match="Did you mean tiny-chat"):
        registry.choose(tiny(model_name="tiny-chta"))
    with pytest.raises(BadRequestError, match="quantization q4_0 is not offered"):
        registry.choose(tiny(quantization="q4_0"))


def test_vllm_models(cluster):
    """`vllm-models`."""
    assert "LlamaForCausalLM" in {each.name for each in cluster.registry.vllm_models()}


def test_dry_runs(kernel, registered):
    """`launch --dry-run`."""
    shown = kernel.value("%xinference launch -n tiny-chat -f ggufv2 -u dry --dry-run")
    assert "llama.cpp" in shown
    assert "Nothing was launched" in shown
    assert "sentence_transformers" in kernel.value(
        "%xinference launch -n bge-m3 -t embedding --dry-run"
    )


def test_launching(kernel, registered, differs):
    """`launch`: progress, the UID, `llm`; again it is reused; `list`, `describe`, `terminate`."""
    line = "%xinference launch -n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env -u mine"
    reply = kernel.run(f"uid = {line}", timeout=240)
    assert reply.status == "ok", reply
    assert "✓ mine ready in" in reply.displays[-1]["text/plain"]
    assert kernel.value("uid, llm.model_uid") == "('mine', 'mine')"
    assert "is already running; using it" in kernel.run(line).displays[0]["text/plain"]
    assert "mine" in kernel.value("%xinference list")
    described = kernel.value("%xinference describe mine")
    told = {"engine": "llama.cpp" in described, "context length": "32768" in described}
    if lacks := [name for name in told if not told[name]]:
        differs(f"the server does not report the {' and the '.join(lacks)} of a running model")
    assert "Terminated mine" in kernel.run("%xinference terminate mine").stdout
    reply = kernel.run("%xinference describe mine")
    assert "No model with the UID mine is running" in reply.stdout
    assert "Traceback" not in reply.stdout


def test_failed_launches(registered, tiny_definitions, tmp_path, version):
    """A failed launch ends with the server's reason."""
    source = Path(tiny_definitions[0]["model_specs"][0]["model_uri"])
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    (broken / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(LaunchError, match=r"deserializing|[Ss]afetensor"):
        registered.launch(
            tiny("broken", model_format="pytorch", model_path=str(broken), extra={})
        ).wait()
    assert registered.try_describe("broken") is None


def test_cancelling(registered):
    """`cancel` of a launch, and `launch` of the same UID after it."""
    launch = registered.launch(tiny("cancelled"))
    assert Launch(registered, "cancelled").cancel().state == "cancelled"
    with pytest.raises(LaunchError, match="cancelled"):
        launch.wait()
    assert registered.try_describe("cancelled") is None
    assert registered.launch(tiny("cancelled")).wait().uid == "cancelled"
    registered.terminate("cancelled")


def test_several_replicas(registered):
    """`launch --replica 2`, `replicas UID`."""
    model = registered.launch(tiny("two", replica=2)).wait()
    try:
        assert model.replica == 2
        assert [each.ready for each in registered.replicas("two")] == [True, True]
        assert [each.ready for each in registered.machines.replicas("two")] == [True, True]
    finally:
        registered.terminate("two")


def test_scaling(registered, since):
    """`replicas UID N`: more and fewer."""
    registered.launch(tiny("scaled")).wait()
    try:
        with since("3.2"):
            for count in (2, 1):
                scaling = Scaling(registered.machines, "scaled", count)
                assert len(scaling.run(lambda _: None, lambda _: None)) == count
    finally:
        registered.terminate("scaled")


def test_workers(cluster, kernel, running, version, differs):
    """`workers`, `watch`: load, memory, what is placed where, versions."""
    uid = running("tiny-chat", "llama.cpp")
    (worker,) = cluster.machines.look().workers
    assert worker.memory_total > 2**30
    assert worker.cpus > 0
    assert any(each.startswith(uid) for each in worker.replicas)
    shown = kernel.value("%xinference workers")
    assert worker.address in shown
    assert uid in shown
    versions = set(cluster.machines.versions().values())
    if not versions:
        differs("the server does not report the versions of its workers")
    assert versions <= {version}


def test_events(cluster, running):
    """`logs UID`: what happened to a model."""
    uid = running("tiny-chat", "llama.cpp")
    assert cluster.machines.events(uid)


def test_logs(cluster, since):
    """`logs`: the server's log."""
    with since("4.0"):
        assert cluster.machines.log()


def test_requests(cluster, running):
    """`watch`: how many requests come in."""
    assert cluster.machines.requests() is not None


def test_cached(cluster, running, tiny_definitions):
    """`cached`."""
    running("tiny-chat", "llama.cpp")
    found = cluster.cache.models("tiny-chat")
    assert "ggufv2" in {each.format for each in found}
    assert found[0].size_bytes or found[0].path


def test_removing(registered, kernel, tiny_definitions, tmp_path, differs):
    """`remove-cache`, which says what goes."""
    copy = tmp_path / "model"
    shutil.copytree(tiny_definitions[0]["model_specs"][0]["model_uri"], copy)
    specs = [{**spec, "model_uri": str(copy)} for spec in tiny_definitions[0]["model_specs"]]
    own = {**tiny_definitions[0], "model_name": "kept-model", "model_specs": specs}
    registered.registry.register("LLM", json.dumps(own))
    registered.launch(tiny("kept", model_name="kept-model")).wait()
    registered.terminate("kept")
    (model,) = registered.cache.models("kept-model")
    reply = kernel.run(f"%xinference remove-cache -n {model.version} --yes")
    assert reply.status == "ok", reply
    assert not registered.cache.models("kept-model")
    there = (copy / "config.json").exists()
    assert ("This server also removes the originals" in reply.stdout) is not there
    if not there:
        differs("the server removes the model's original files, too; the command says so")
    registered.registry.unregister("LLM", "kept-model")


def test_reloading(cluster, running, since):
    """`reload` (vLLM and SGLang; others refuse it with their reason)."""
    uid = running("tiny-chat", "llama.cpp")
    body = {"model_config": {"n_ctx": 512}, "drain_timeout": 5}
    with since("4.0"), pytest.raises(BadRequestError, match="vLLM or SGLang"):
        reload_model(cluster.machines, uid, body, lambda _: None)


@pytest.mark.parametrize("component", ["api", "supervisor"])
def test_relaunching(cluster, since, component):
    """`relaunch-api`, `relaunch-supervisor` (of a cluster; `xinference-local` refuses them)."""
    with since("4.1"):
        try:
            relaunch(cluster.machines, component, {}, lambda _: None)
        except ServerError as error:
            if error.status != 409:
                raise


def test_stopping(start_server, notebook):
    """`stop-cluster`."""
    server = start_server()
    reply = notebook(server.endpoint).run("%xinference stop-cluster --yes", timeout=120)
    assert reply.status == "ok", reply
    assert server.process.wait(60) is not None
