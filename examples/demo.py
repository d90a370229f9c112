"""Run the notebooks on a private local Xinference with the tiny models of this repository.

``demo.py run [NAME ...]`` executes them, the quickstart if none is named, and shows the answers as
they stream; ``demo.py lab`` opens them in JupyterLab. Both leave their results in the folder
``.demo``.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import XinferenceError
from xinference_magics.local_server import server as local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xinference_magics.local_server.server import LocalServer

EXAMPLES = Path(__file__).resolve().parent
DEMO = EXAMPLES.parent / ".demo"
OPENED = "notebooks"  # the only folder that JupyterLab shows: the others hold a login
NOTEBOOKS = ("quickstart", "chat", "reasoning", "rag", "agent", "cluster")


class Narrator(NotebookClient):
    """Execute a notebook, printing each cell and its output as it appears."""

    _streamed = 0

    async def async_start_new_kernel_client(self, **options: Any) -> Any:
        """Announce a reader: answers are then streamed, as to a page."""
        client = await super().async_start_new_kernel_client(**options)
        client.allow_stdin = True
        return client

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Print what comes from the kernel; nbclient calls this for each message."""
        content = msg["content"]
        match msg["msg_type"]:
            case "execute_input":
                print("\n".join(f">>> {line}" for line in content["code"].splitlines()))
                self._streamed = 0
            case "stream":
                print(content["text"], end="", flush=True)
            case "comm_msg":
                self._narrate(content["data"].get("content") or {})
            case "execute_result":
                print(content["data"]["text/plain"])
            case "status" if content["execution_state"] == "idle":
                print()
        return super().process_message(msg, cell, cell_index)

    def _narrate(self, frame: dict[str, Any]) -> None:
        """Print the text in a frame of the chat view: what is new, or everything so far."""
        text = "".join(piece for _, piece in frame.get("add") or frame.get("all") or ())
        new = text[self._streamed :] if "all" in frame else text
        self._streamed += len(new)
        print(new, end="", flush=True)


def serve() -> LocalServer:
    """Start the private server with its files in the demo's folder, and register the models.

    Models that are launched by name are downloaded into that folder, too.
    """
    (DEMO / OPENED).mkdir(parents=True, exist_ok=True)
    os.environ["XINFERENCE_HOME"] = str(DEMO / "xinference")
    os.environ["XINFERENCE_MAGICS_STATE"] = str(DEMO / "state")
    os.environ["XINFERENCE_EXAMPLES"] = str(EXAMPLES)
    os.environ.pop("XINFERENCE_ENDPOINT", None)
    server = local.start(on_line=print)
    server.lease()
    cluster = Cluster(server.endpoint, token=server.token)
    for model_type, definition in definitions():
        if definition["model_name"] not in cluster.registry.names(model_type):
            cluster.registry.register(model_type, json.dumps(definition), persist=True)
    cluster.close()
    # By its address, because another server may run at the default one.
    os.environ["XINFERENCE_ENDPOINT"] = server.endpoint
    return server


def definitions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the model type and the registration of each tiny model."""
    for definition in registrations_in("tiny_chat"):
        yield "LLM", definition
    yield "LLM", registrations_in("tiny_sight", "registration")
    yield from registrations_in("tiny_encoders").items()


def registrations_in(folder: str, name: str = "registrations") -> Any:
    """Return what the ``registrations.py`` of a folder provides."""
    return runpy.run_path(str(EXAMPLES / folder / "registrations.py"))[name]()


def run(*names: str) -> None:
    """Execute notebooks and save the results; without a name, the first one."""
    for name in names or NOTEBOOKS[:1]:
        notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
        narrator = Narrator(
            notebook,
            timeout=300,
            resources={"metadata": {"path": str(DEMO / OPENED)}},
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no notes on its own connection
        )
        narrator.execute()
        executed = DEMO / OPENED / f"{name}.ipynb"
        nbformat.write(notebook, executed)
        print(f"The executed notebook is {executed}")


def lab() -> None:
    """Open the notebooks in JupyterLab; the server stops some minutes after that."""
    for name in NOTEBOOKS:
        opened = DEMO / OPENED / f"{name}.ipynb"
        if not opened.exists():
            opened.write_bytes((EXAMPLES / opened.name).read_bytes())
    command = [sys.executable, "-m", "jupyter", "lab", "quickstart.ipynb"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container; JupyterLab requires it
    subprocess.run(command, cwd=DEMO / OPENED, check=False)  # noqa: S603 - a fixed command


def main() -> int:
    """Run the command line: ``run`` or ``lab``."""
    command, *names = sys.argv[1:]
    try:
        serve()
        {"run": run, "lab": lab}[command](*names)
    except XinferenceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
