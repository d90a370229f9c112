"""Observe how engines handle requests, on running models.

    python benchmarks/engines/run.py --endpoint URL UID [UID ...] [--keep]
    python benchmarks/engines/run.py --model NAME --engines llama.cpp transformers [--keep]

The first form asks running models, one for each engine. The second launches a model on each engine,
on the server at `--endpoint` or the private one on this machine, and terminates it again. With
`--keep`, the tables of docs/engines.md and docs/langchain.md are written. Use a real model for
that: one that was taught the answers makes an engine look better than it is. A model that can
reason is asked about that, too. Ctrl-C skips the rest of a table, which is then marked as not run.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import engine_pages
import requests
from asking import Model
from parts import PARTS
from row import NOT_RUN

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest, plan
from xinference_magics.errors import XinferenceError
from xinference_magics.local_server import server as local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parts import Part


def main() -> int | str:
    """Run the command line; return what went wrong, or 0."""
    options = _options()
    try:
        _every(options)
    except (XinferenceError, requests.RequestException) as error:
        return str(error)
    return 0


def _every(options: argparse.Namespace) -> None:
    endpoint = options.endpoint or local.start(on_line=print).endpoint
    for uid in options.uids:
        _one(Model(endpoint, uid), options)
    for engine in options.engines if options.model else ():
        with launched(endpoint, options.model, engine) as uid:
            _one(Model(endpoint, uid), options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("uids", nargs="*", metavar="UID")
    parser.add_argument("--endpoint", metavar="URL")
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--engines", nargs="+", default=["llama.cpp"], metavar="ENGINE")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--library", default="", metavar="VERSION", help="of the engine, to note")
    parser.add_argument("--name", metavar="NAME", help="of the model, to note; default: its family")
    parser.add_argument("--keep", action="store_true", help="write the tables of the pages")
    options = parser.parse_args()
    if options.uids and not options.endpoint:
        parser.error("--endpoint URL says where these models run")
    if not (options.uids or options.model):
        parser.error("name the UIDs of running models, or --model NAME")
    return options


@contextmanager
def launched(endpoint: str, name: str, engine: str) -> Iterator[str]:
    """Launch a model on an engine, and terminate it afterwards."""
    request = LaunchRequest(model_name=name, model_engine=engine)
    with closing(Cluster(endpoint)) as cluster:
        uid = cluster.launch(plan(cluster, request).request).wait().uid
        try:
            yield uid
        finally:
            cluster.terminate(uid)


def _one(model: Model, options: argparse.Namespace) -> None:
    engine = model.described["model_engine"]
    print(f"## {model.uid} on {engine}", flush=True)
    for name in options.only:
        if PARTS[name].fits(model):
            rows = seen(PARTS[name], model)
            if not model.answers():  # it died meanwhile: its rows say nothing about the engine
                raise XinferenceError(
                    f"{model.uid} stopped answering, so nothing was kept.",
                    hint="The server's log says why; launch it again.",
                )
            if options.keep:
                ran = {**_ran(model, options), "suite": PARTS[name].suite}
                found = {"ran": {key: each for key, each in ran.items() if each}, "rows": rows}
                engine_pages.keep(name, engine, found)


def seen(part: Part, model: Model) -> dict[str, str]:
    """Ask a model the questions of a part, until Ctrl-C; return the outcomes by title."""
    asked, rows = part.asked(model), dict.fromkeys((row.title for row in part.rows), NOT_RUN)
    with suppress(KeyboardInterrupt):
        for row in part.rows:
            rows[row.title] = row.see(asked)
            print(f"{row.title}: {rows[row.title]}", flush=True)
    return rows


def _ran(model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """Describe the run: the model, the server's version, the engine's if given, and the day."""
    described = model.described
    name = options.name or described.get("model_family") or described["model_name"]
    size = str(described.get("model_size_in_billions")).replace("_", ".")
    with closing(Cluster(model.endpoint)) as cluster:
        version = str(cluster.version())
    quantization = str(described.get("quantization") or "none").removeprefix("none")
    return {
        "model": f"{name} {size}B {quantization}".strip(),
        "server": version,
        "library": options.library,
        "day": datetime.now(UTC).date().isoformat(),
    }


if __name__ == "__main__":
    sys.exit(main())
