"""How fast ChatXinference streams, beside others that read the same stream in the same run.

    python benchmarks/chat_stream.py [--chunks 5000] [--rounds 3]

The others are installed into an environment of their own, `benchmarks/.venv`, at the first run.
Each figure is the best of all rounds, in which everybody has one turn: the machine may be busy.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import time
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".venv"
OURS, TRIVIAL, PEER = "ChatXinference", "trivial chat model", "ChatOpenAI"
IMPORTS = 5  # times each, the best counts


@dataclass
class Figure:
    """What a way of reading costs.

    Args:
        rate: Chunks a second.
        cpu: Milliseconds of CPU for 1,000 chunks.
    """

    rate: float = 0.0
    cpu: float = float("inf")

    def better(self, seconds: float, cpu: float, chunks: int) -> None:
        """Take the better of this and another measurement."""
        self.rate = max(self.rate, chunks / seconds)
        self.cpu = min(self.cpu, cpu * 1e6 / chunks)


def ways() -> dict[tuple[str, str], Callable[[str], int]]:
    """Every way to read, by its name and whether it is sync or async."""
    import peers

    found = {
        "raw reader": (peers.raw, peers.araw),
        "xinference-client": (peers.client, peers.aclient),
        "openai client": (peers.openai_client, peers.aopenai_client),
        TRIVIAL: _langchain(peers, "trivial"),
        OURS: _langchain(peers, OURS),
        PEER: _langchain(peers, PEER),
    }
    return {
        **{("sync", name): sync for name, (sync, _) in found.items()},
        **{("async", name): partial(_run, way) for name, (_, way) in found.items()},
    }


def _langchain(peers: Any, name: str) -> tuple[Any, Any]:
    return partial(peers.langchain, name), partial(peers.alangchain, name)


def _run(way: Callable[[str], Any], endpoint: str) -> int:
    seen: int = asyncio.run(way(endpoint))
    return seen


def measure(chunks: int, rounds: int) -> dict[tuple[str, str], Figure]:
    """Give each way one turn a round, every other round in reverse, after one to warm up."""
    figures = {key: Figure() for key in ways()}
    with endless(chunks) as endpoint:
        for count in range(rounds + 1):
            turns = list(ways().items())
            for key, way in turns if count % 2 else reversed(turns):
                wall, cpu = turn(way, endpoint, chunks)
                if count:
                    figures[key].better(wall, cpu, chunks)
    return figures


def turn(way: Callable[[str], int], endpoint: str, chunks: int) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of one reading; garbage of others is not counted."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    seen = way(endpoint)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if seen != chunks:
        raise SystemExit(f"{way} saw {seen} of {chunks} chunks.")
    return wall, cpu


@contextmanager
def endless(chunks: int) -> Iterator[str]:
    """Run the server in a process of its own, so that its CPU is not counted."""
    command = [sys.executable, str(HERE / "endless_server.py"), str(chunks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def import_seconds(module: str) -> float:
    """How long importing `module` takes in a fresh interpreter."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return min(
        float(subprocess.check_output([sys.executable, "-c", code], text=True))  # noqa: S603
        for _ in range(IMPORTS)
    )


def report(figures: dict[tuple[str, str], Figure]) -> bool:
    """Print the table and the targets; tell whether all were reached."""
    print(
        "| | | chunks/s | CPU ms / 1,000 | rate / ChatOpenAI | CPU / ChatOpenAI | CPU / trivial |"
    )
    print("|---|---|---|---|---|---|---|")
    for (kind, name), each in figures.items():
        peer, trivial = figures[kind, PEER], figures[kind, TRIVIAL]
        print(
            f"| {kind} | {name} | {each.rate:,.0f} | {each.cpu:.1f} | {each.rate / peer.rate:.2f} "
            f"| {each.cpu / peer.cpu:.2f} | {each.cpu / trivial.cpu:.2f} |"
        )
    print()
    return all([*map(partial(_targets, figures), ("sync", "async")), _imports()])


def _targets(figures: dict[tuple[str, str], Figure], kind: str) -> bool:
    ours, peer, trivial = (figures[kind, name] for name in (OURS, PEER, TRIVIAL))
    return all(
        [
            _said(f"{kind}: rate over ChatOpenAI's, at least 3.5", ours.rate / peer.rate, low=3.5),
            _said(f"{kind}: CPU over ChatOpenAI's, at most 0.30", ours.cpu / peer.cpu, high=0.30),
            _said(f"{kind}: CPU over trivial's, at most 1.25", ours.cpu / trivial.cpu, high=1.25),
        ]
    )


def _imports() -> bool:
    ours, peer = import_seconds("xinference_magics.chat_models"), import_seconds("langchain_openai")
    print(f"import xinference_magics.chat_models {ours:.2f} s, langchain_openai {peer:.2f} s")
    return _said("import time over langchain_openai's, at most 0.5", ours / peer, high=0.5)


def _said(what: str, value: float, *, low: float = 0.0, high: float = float("inf")) -> bool:
    reached = low <= value <= high
    print(f"{'reached' if reached else 'MISSED '}  {what}: {value:.2f}")
    return reached


def install() -> str:
    """Make the environment unless it is there; return its interpreter."""
    python = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = ENVIRONMENT / ".installed"
    if not done.exists():
        print(f"Installing into {ENVIRONMENT} ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
        wanted = ["--editable", str(HERE.parent), "langchain-openai", "openai"]
        subprocess.check_call([python, "-m", "pip", "install", "--quiet", *wanted])  # noqa: S603
        done.touch()
    return str(python)


def main() -> None:
    """Measure in the environment of the peers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=5000, help="length of the stream")
    parser.add_argument("--rounds", type=int, default=3, help="turns for each; the best counts")
    options = parser.parse_args()
    if Path(sys.prefix) != ENVIRONMENT:
        python = install()
        os.execv(python, [python, __file__, *sys.argv[1:]])  # noqa: S606
    os.environ["LANGSMITH_TRACING"] = "false"
    sys.exit(not report(measure(options.chunks, options.rounds)))


if __name__ == "__main__":
    main()
