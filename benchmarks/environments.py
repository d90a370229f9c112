"""Environments for the peers, made on the first run and stored in `benchmarks/.cache`."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).resolve().parent
CACHE, PROGRAMS = HERE / ".cache", HERE / "programs"
sys.path.insert(0, str(HERE.parent / "tests"))  # its kernels and servers are used here, too

WANTED = {
    "package": ("--editable", str(HERE.parent), "ipykernel>=6.31", "langchain-openai", "openai"),
    "jupyter-ai-magics": ("jupyter-ai-magics==2.31.*",),
    "jupyter-ai-magic-commands": ("jupyter-ai-magic-commands",),
    "jupysql": ("jupysql", "ipython"),
    "ipython-gpt": ("ipython-gpt",),
}
"""The packages to install; `package` has ours and the peers that read the same stream."""

_FOREIGN = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "XINFERENCE_ENDPOINT"}
"""Variables that would change the figures."""


class NotInstalledError(Exception):
    """An environment cannot be made; the message is pip's last line."""


@dataclass(frozen=True)
class Environment:
    """An environment with a peer in it.

    Attributes:
        python: Its interpreter.
    """

    python: Path

    @classmethod
    def of(cls, name: str) -> Environment:
        """Return the environment of a peer, making it if there is none yet.

        Raises:
            NotInstalledError: pip cannot install the peer.
        """
        folder = CACHE / name
        python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        if not (folder / ".installed").exists():
            print(f"Installing {name} into {folder.relative_to(HERE.parent)} ...", flush=True)
            venv.create(folder, with_pip=True, clear=True)
            _install(python, WANTED[name])
            (folder / ".installed").touch()
        return cls(python)

    def run(
        self,
        program: str,
        *arguments: str,
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a program from `programs/` in a separate process and return its output."""
        done = subprocess.run(
            [self.python, *options, PROGRAMS / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**clean_environment(), **(environment or {})},
        )
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        return Finished(done.stdout, done.stderr)


@dataclass(frozen=True)
class Finished:
    """The output of a program."""

    stdout: str
    stderr: str


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would change the figures."""
    own = {
        "IPYTHONDIR": str(CACHE / "ipython"),
        "LANGSMITH_TRACING": "false",
        "NO_PROXY": "127.0.0.1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "XINFERENCE_MAGICS_STATE": str(CACHE / "state"),
    }
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**inherited, **own}


def _install(python: Path, wanted: tuple[str, ...]) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise NotInstalledError(reason)
