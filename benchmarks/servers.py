"""The servers to measure against: a scripted one and a real Xinference."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from environments import CACHE, HERE, clean_environment
from local_server import START, free_port

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import XinferenceError
from xinference_magics.local_server.keeper import end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = HERE.parent


@dataclass(frozen=True)
class Scripted:
    """The scripted server; see `streaming_server` for what its models answer."""

    endpoint: str

    def log(self) -> list[dict[str, Any]]:
        """Return the requests so far, with their times."""
        with urllib.request.urlopen(f"{self.endpoint}/log") as answer:  # noqa: S310 - our own
            found: list[dict[str, Any]] = json.load(answer)
        return found


@contextmanager
def scripted() -> Iterator[Scripted]:
    """Run the scripted server in a separate process, so that its CPU time is not counted."""
    command = [sys.executable, str(HERE / "streaming_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Scripted(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.terminate()


@dataclass(frozen=True)
class Real:
    """A real Xinference with the tiny models.

    Attributes:
        command: Xinference's own command line.
        models: The UIDs of the tiny chat model, by engine.
    """

    endpoint: str
    command: Path
    models: dict[str, str]
    cluster: Cluster


@contextmanager
def real() -> Iterator[Real]:
    """Run a real Xinference and launch the tiny chat model on both engines."""
    folder = ROOT / ".venv-server" / ("Scripts" if os.name == "nt" else "bin")
    port = free_port()
    endpoint, home = f"http://127.0.0.1:{port}", CACHE / "xinference"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **clean_environment(),
        "XINFERENCE_HOME": str(home),
        "XINFERENCE_AUTH_ADVANCED": "0",
        "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT": "300",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (home / "output.log").open("w") as log:
        process = subprocess.Popen(
            [folder / "xinference-local", "-H", "127.0.0.1", "-p", str(port)],
            env=environment,
            cwd=home,  # keeps the server from importing our files
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    cluster = Cluster(endpoint)
    try:
        _await(cluster, process)
        yield Real(endpoint, folder / "xinference", _launched(cluster), cluster)
    finally:
        cluster.close()
        _end(process)


def tiny(uid: str, model_format: str = "ggufv2") -> LaunchRequest:
    """Return the request that launches the tiny chat model."""
    extra = {"n_threads": 1} if model_format == "ggufv2" else {}
    return LaunchRequest(
        model_name="tiny-chat",
        model_uid=uid,
        model_format=model_format,
        enable_virtual_env=False,
        extra=extra,
    )


def _launched(cluster: Cluster) -> dict[str, str]:
    registrations = runpy.run_path(str(ROOT / "examples" / "tiny_chat" / "registrations.py"))
    for definition in registrations["registrations"]():
        cluster.registry.register("LLM", json.dumps(definition))
    models = {"llama.cpp": "tiny-gguf", "transformers": "tiny-pt"}
    for uid, form in zip(models.values(), ("ggufv2", "pytorch"), strict=True):
        cluster.launch(tiny(uid, form)).wait()
    return models


def _await(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(XinferenceError):
            cluster.requires_auth()
            return
        time.sleep(0.2)
    raise RuntimeError("xinference-local does not answer")


def _end(process: subprocess.Popen[bytes]) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        end(psutil.Process(process.pid))
    process.wait(10)
