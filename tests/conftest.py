"""A real Xinference server for the tests that need one, started once, on first use."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from faulty_proxy import Fault, FaultyProxy
from hypothesis import settings
from local_server import START, free_port, server_environment

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import XinferenceError
from xinference_magics.local_server.keeper import end

# Hypothesis has no deadline per example; `make fuzz` uses the long profile.
settings.register_profile("quick", deadline=None)
settings.register_profile(
    "fuzz", deadline=None, max_examples=int(os.environ.get("FUZZ_CASES") or 100_000)
)
settings.load_profile("quick")

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Server:
    """A running Xinference."""

    endpoint: str
    home: Path
    process: psutil.Popen

    def end(self):
        """Stop the server and its models: an unused one still takes memory and time."""
        end(self.process)
        self.process.wait(10)


@dataclass(frozen=True)
class TinyChat:
    """The UIDs of the tiny model, launched on both engines."""

    endpoint: str
    gguf: str = "tiny-gguf"
    pt: str = "tiny-pt"


def pytest_configure():
    """Restore Ctrl-C handling in case the shell that started the tests ignores SIGINT for its jobs.

    Tests interrupt this process, and child processes inherit an ignored SIGINT.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


LANES = ("notebooks", "server", "own-servers", "pages")
"""Tests that share a server run in one process; these groups take longest, so they go first."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Mark tests by their fixtures, for `make quick` and `make test`.

    With several processes (`pytest -n 3 --dist loadgroup`), each lane runs in one process. The
    remaining tests are grouped by file.
    """
    lanes = {}
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for marker, fixture in (("server", "server_command"), ("browser", "lab")):
            if fixture in fixtures:
                item.add_marker(marker)
        lanes[item] = lane_of(item, fixtures)
        if lanes[item] == "own-servers":
            item.add_marker("long")
        item.add_marker(pytest.mark.xdist_group(lanes[item]))
    items.sort(key=lambda item: [*LANES, lanes[item]].index(lanes[item]))


def lane_of(item, fixtures):
    """Return the name of the group whose tests share a process."""
    if "lab" in fixtures:
        return "pages"
    if "server" in fixtures:
        return "notebooks" if "e2e" in item.path.parts else "server"
    return "own-servers" if "server_command" in fixtures else item.path.stem


def fail(what):
    """Fail if something is missing: a skipped test would look like a passing one."""
    pytest.fail(f"{what}: `make test` sets up what is needed.", pytrace=False)


@pytest.fixture(scope="session")
def server_command():
    """The path of the server's executable, by default from the environment `make test` creates."""
    named = os.environ.get("XINFERENCE_LOCAL_COMMAND")
    own = ROOT / ".venv-server" / "bin" / "xinference-local"
    found = shutil.which(named or str(own)) or shutil.which("xinference-local")
    return found or fail("No xinference-local is installed")


@pytest.fixture(scope="session")
def start_server(server_command, tmp_path_factory):
    """Start a server: `start_server(*options, XINFERENCE_AUTH_ADVANCED="1")`; all stop at teardown.

    `instead_of` is a stopped server whose home and endpoint the new one reuses.
    """
    started = []
    # Its environment has an ffmpeg, with which it reads sounds.
    path = os.pathsep.join([str(Path(server_command).parent), os.environ["PATH"]])

    def start(*options, instead_of=None, **environment):
        home = instead_of.home if instead_of else tmp_path_factory.mktemp("xinference")
        endpoint = instead_of.endpoint if instead_of else f"http://127.0.0.1:{free_port()}"
        with (home / "output.log").open("w") as log:
            process = psutil.Popen(
                [server_command, "-H", "127.0.0.1", "-p", endpoint.rpartition(":")[2], *options],
                env=server_environment(home, **{"PATH": path, **environment}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        server = Server(endpoint, home, process)
        started.append(server)
        await_answer(endpoint, process, home / "output.log")
        return server

    yield start
    for server in started:
        server.end()


def await_answer(endpoint, process, log):
    cluster = Cluster(endpoint)
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(XinferenceError):
            cluster.requires_auth()
            cluster.close()
            return
        time.sleep(0.2)
    pytest.fail(f"xinference-local does not answer; the end of its log:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def server(start_server):
    """A server without authentication, shared by all tests."""
    return start_server()


@pytest.fixture(scope="session")
def cluster(server):
    """The shared server's management API."""
    made = Cluster(server.endpoint)
    yield made
    made.close()


def registrations_in(folder):
    """Return the registrations defined in a folder of tiny models."""
    if not list((EXAMPLES / folder / "model").rglob("*.safetensors")):
        fail(f"The tiny models are missing from examples/{folder}/model")
    return runpy.run_path(EXAMPLES / folder / "registrations.py")["registrations"]()


@pytest.fixture(scope="session")
def tiny_definitions():
    """The registrations of the tiny language models."""
    return registrations_in("tiny_chat")


@pytest.fixture(scope="session")
def tiny_registered(cluster, tiny_definitions):
    """The names of the tiny language models, registered on the shared server."""
    for definition in tiny_definitions:
        cluster.registry.register("LLM", json.dumps(definition))
    return [definition["model_name"] for definition in tiny_definitions]


@pytest.fixture(scope="session")
def tiny_request():
    """Make the request that launches a tiny model: `tiny_request(uid, model_format, ...)`."""

    def request(uid, model_format, model_name="tiny-chat", **options):
        return LaunchRequest(
            model_name=model_name,
            model_uid=uid,
            model_format=model_format,
            enable_virtual_env=False,
            extra=options,
        )

    return request


@pytest.fixture(scope="session")
def tiny_chat(cluster, tiny_registered, tiny_request):
    """The tiny model on both engines: llama.cpp as `tiny-gguf`, transformers as `tiny-pt`."""
    tiny = TinyChat(cluster.endpoint)
    launches = [
        cluster.launch(tiny_request(tiny.gguf, "ggufv2", n_threads=1)),
        cluster.launch(tiny_request(tiny.pt, "pytorch")),
    ]
    for launch in launches:
        launch.wait()
    return tiny


@pytest.fixture(scope="session")
def slow_endpoint(server, tiny_chat):
    """The server behind a proxy that passes about 30 tokens per second.

    On a fast machine an answer would be complete before a test could interrupt it.
    """
    with FaultyProxy(server.endpoint) as proxy:
        proxy.fault = Fault(piece=256, pause=0.03)
        yield proxy.endpoint


@pytest.fixture(scope="session")
def tiny_text(cluster, tiny_registered, tiny_request):
    """The UID of a model that supports only text completion."""
    request = tiny_request("tiny-text", "ggufv2", model_name="tiny-text", n_threads=1)
    return cluster.launch(request).wait().uid


@pytest.fixture(scope="session")
def tiny_think(cluster, tiny_registered, tiny_request):
    """The UID of a reasoning model."""
    request = tiny_request("tiny-think", "ggufv2", model_name="tiny-think", n_threads=1)
    return cluster.launch(request).wait().uid


@pytest.fixture(scope="session")
def sight_registered(cluster):
    """The request that launches the tiny multimodal model, registered on the shared server."""
    if not list((EXAMPLES / "tiny_sight" / "model").glob("*.gguf")):
        fail("The model is missing from examples/tiny_sight/model")
    of_sight = runpy.run_path(EXAMPLES / "tiny_sight" / "registrations.py")
    cluster.registry.register("LLM", json.dumps(of_sight["registration"]()))
    return LaunchRequest(
        model_name="tiny-sight",
        enable_virtual_env=False,
        extra={"n_threads": 1, "multimodal_projector": of_sight["PROJECTOR"]},
    )


@pytest.fixture(scope="session")
def tiny_sight(cluster, sight_registered):
    """The UID of the tiny model for images and audio, on llama.cpp."""
    return cluster.launch(sight_registered).wait().uid


@pytest.fixture(scope="session")
def samples():
    """Makers of sample media: `samples.png("red")`, `samples.wav("low")`, `samples.mp4(folder)`."""
    return SimpleNamespace(**runpy.run_path(EXAMPLES / "tiny_sight" / "samples.py"))


@pytest.fixture(scope="session")
def tiny_encoders_registered(cluster):
    """The tiny embedding and rerank models, registered: model type -> name."""
    definitions = registrations_in("tiny_encoders")
    for model_type, definition in definitions.items():
        cluster.registry.register(model_type, json.dumps(definition))
    return {model_type: each["model_name"] for model_type, each in definitions.items()}


@pytest.fixture(scope="session")
def tiny_encoders(cluster, tiny_encoders_registered):
    """The tiny embedding and rerank models, running: model type -> UID."""
    launches = {}
    for model_type, name in tiny_encoders_registered.items():
        request = LaunchRequest(
            model_name=name,
            model_type=model_type,
            model_engine="sentence_transformers",
            enable_virtual_env=False,
        )
        launches[model_type] = cluster.launch(request)
    return {model_type: launch.wait().uid for model_type, launch in launches.items()}


@pytest.fixture(scope="session")
def tiny_media(cluster):
    """The tiny models of pictures and sounds, running: image, hears, speaks, ocr and flexible."""
    made = runpy.run_path(EXAMPLES / "tiny_media" / "registrations.py")
    for model_type, definition in made["registrations"]():
        cluster.registry.register(model_type, json.dumps(definition))
    launches = [
        cluster.launch(LaunchRequest(**each, enable_virtual_env=False))
        for each in made["launches"]()
    ]
    uids = [launch.wait().uid for launch in launches]
    return SimpleNamespace(
        **dict(zip(("image", "hears", "speaks", "ocr", "flexible"), uids, strict=True))
    )


@pytest.fixture
def closed_port():
    """A port on which nothing listens."""
    return free_port()


@pytest.fixture(scope="module")
def run_python():
    """Run Python code in separate processes, as other notebooks would, until the module ends."""
    processes = []

    def run(code, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()
