"""`%xinference list` and `launch`, compared with Xinference's own command line."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import requests
from environments import clean_environment
from rows import Row, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Bench
    from servers import Real
    from watching import WatchedKernel

TITLE = "Commands beside Xinference's command line"
PEER = "xinference CLI"
_LEAST = 1 / 3
_UID = "bench-launched"
_OPTIONS = (
    *("-n", "tiny-chat", "-u", _UID, "-en", "llama.cpp", "-f", "ggufv2"),
    *("--disable-virtual-env", "--n_threads", "1"),
)
_REQUEST = {
    "model_uid": _UID,
    "model_name": "tiny-chat",
    "model_engine": "llama.cpp",
    "model_format": "ggufv2",
    "enable_virtual_env": False,
    "n_threads": 1,
}


def measure(bench: Bench) -> list[Row]:
    """Run each command in a kernel, on the command line, and as a bare request."""
    with bench.kernel(bench.real.endpoint) as kernel:
        return [_listing(bench, kernel), _launching(bench, kernel)]


def _listing(bench: Bench, kernel: WatchedKernel) -> Row:
    ways = {
        "ours": partial(_seconds, lambda: kernel.watch("%xinference list")),
        PEER: partial(_seconds, lambda: _command_line(bench.real, "list")),
    }
    found = interleaved(ways, bench.rounds(5), warm=1)
    ours, theirs = median(found["ours"]), median(found[PEER])
    return Row("list", "s", ours, {PEER: theirs}, "<= 1/3 of the CLI's", ours <= theirs * _LEAST)


def _launching(bench: Bench, kernel: WatchedKernel) -> Row:
    options = " ".join(_OPTIONS)
    launches: dict[str, Callable[[], object]] = {
        "ours": lambda: kernel.watch(f"%xinference launch {options}"),
        PEER: lambda: _command_line(bench.real, "launch", *_OPTIONS),
        "server": lambda: _request(bench.real),
    }
    ways = {name: partial(_launch, bench.real, launch) for name, launch in launches.items()}
    found = interleaved(ways, bench.rounds(5), warm=1)
    server = median(found["server"])
    ours, theirs = median(found["ours"]) - server, median(found[PEER]) - server
    return Row(
        f"launch, over the server's own {server:.1f} s",
        "s",
        ours,
        {PEER: theirs},
        "<= 1/3 of the CLI's",
        ours <= theirs * _LEAST,
    )


def _launch(real: Real, launch: Callable[[], object]) -> float:
    try:
        return _seconds(launch)
    finally:
        real.cluster.terminate(_UID)


def _request(real: Real) -> None:
    """Launch with a bare request, which is answered once the model is ready."""
    answer = requests.post(f"{real.endpoint}/v1/models", json=_REQUEST, timeout=300)
    answer.raise_for_status()


def _seconds(command: Callable[[], object]) -> float:
    begun = time.perf_counter()
    command()
    return time.perf_counter() - begun


def _command_line(real: Real, *arguments: str) -> None:
    command = [real.command, arguments[0], "-e", real.endpoint, *arguments[1:]]
    subprocess.run(command, check=True, capture_output=True, env=clean_environment())
