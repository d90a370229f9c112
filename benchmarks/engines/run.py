"""Sees what engines make of requests, on running models.

    python benchmarks/engines/run.py --endpoint URL UID [UID ...] [--keep]
    python benchmarks/engines/run.py --model NAME --engines llama.cpp transformers [--keep]

The first form asks models that run, one of each engine. The second launches a model on each engine,
on the server of `--endpoint` or the private one of this machine, and ends it again. With `--keep`
the tables of docs/engines.md and docs/langchain.md are written. Take a real model for that: one
that was taught the answers makes an engine look better than it is.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import engine_pages
from asking import Model
from engine_rows import ROWS
from object_rows import OBJECT_ROWS, see

from xinference_magics import ChatXinference
from xinference_magics.cluster import local
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launch import LaunchRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_ENGINES = {"llama.cpp": "xllamacpp", "transformers": "transformers", "vllm": "vllm"}
"""The library that an engine's behaviour comes from."""


def seen(model: Model, libraries: dict[str, str]) -> dict[str, Any]:
    """Ask a model every question, and return the answers by part and title."""
    engine = {}
    for row in ROWS:
        engine[row.title] = row.see(model)
        print(f"{row.title}: {engine[row.title]}", flush=True)
    llm = ChatXinference(model.endpoint, model.uid, temperature=0, max_tokens=150)
    through_object = {}
    for each in OBJECT_ROWS:
        through_object[each.title] = see(each, llm)
        print(f"{each.title}: {through_object[each.title]}", flush=True)
    return {"ran": _ran(model, libraries), "engine": engine, "object": through_object}


def _ran(model: Model, libraries: dict[str, str]) -> dict[str, str]:
    """Say what ran: the model, the server's version, and the engine's where it is known."""
    described = model.described
    size, quantization = described["model_size_in_billions"], described.get("quantization")
    with closing(Cluster(model.endpoint)) as cluster:
        version = str(cluster.version())
    library = libraries.get(OF_ENGINES.get(described["model_engine"].casefold(), ""), "")
    name = f"{described['model_name']} {size}B {quantization or ''}".replace("_", ".").strip()
    return {"model": name, "Xinference": version, "library": library}


@contextmanager
def launched(endpoint: str, name: str, engine: str) -> Iterator[str]:
    """Launch a model on an engine, and end it again."""
    request = LaunchRequest(model_name=name, model_engine=engine)
    with closing(Cluster(endpoint)) as cluster:
        uid = cluster.launch(request).wait()
        try:
            yield uid
        finally:
            cluster.terminate(uid)


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("uids", nargs="*", metavar="UID")
    parser.add_argument("--endpoint", metavar="URL")
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--engines", nargs="+", default=["llama.cpp"], metavar="ENGINE")
    parser.add_argument("--libraries", nargs="*", default=[], metavar="NAME=VERSION")
    parser.add_argument("--keep", action="store_true", help="write the tables of the pages")
    options = parser.parse_args()
    libraries = dict(each.split("=", 1) for each in options.libraries)
    if options.model:
        endpoint = options.endpoint or local.start(on_line=print).endpoint
        for engine in options.engines:
            with launched(endpoint, options.model, engine) as uid:
                _one(Model(endpoint, uid), libraries, keep=options.keep)
    for uid in options.uids:
        _one(Model(options.endpoint, uid), libraries, keep=options.keep)
    return 0


def _one(model: Model, libraries: dict[str, str], *, keep: bool) -> None:
    print(f"## {model.uid} on {model.described['model_engine']}", flush=True)
    found = seen(model, libraries)
    if keep:
        engine_pages.keep(model.described["model_engine"], found)


if __name__ == "__main__":
    sys.exit(main())
