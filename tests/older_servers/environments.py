"""Environments with older servers, made on the first run and stored in `.cache` next to this file.

Each holds an Xinference with the libraries of its time: those released up to a week after it.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

CACHE = Path(__file__).resolve().parent / ".cache"
PRESENT = Path(__file__).resolve().parents[2] / ".venv-server"
"""The environment of the newest server, if `make` has made it for the other tests."""

RELEASED = {
    "1.17.1": date(2026, 1, 13),
    "2.12.0": date(2026, 7, 4),
    "3.5.0": date(2026, 9, 25),
    "4.1.0": date(2026, 10, 25),
}
"""The last release of each major version, and its date."""

TORCH = "torch==2.13.0"
"""For all servers, as for that of the other tests: other builds may bring several GB of CUDA."""

WANTED = ("transformers", "accelerate", "sentence-transformers", "xllamacpp", "sentencepiece")
"""The engines for a machine without a GPU."""

OVERRIDES = (TORCH, "timm; python_version < '3'", "torchvision; python_version < '3'")
"""Leaves out requirements of the server that a server without a GPU never uses."""

IMPORTED = "from torchvision import transforms\n"
"""Servers before 3.0 import this at startup, for one image model; PyPI has it for CUDA only."""

TOLD = ("xinference", "xoscar", "xllamacpp", "transformers", "torch", "sentence-transformers")
"""The packages whose versions are worth reporting."""


class NotInstalledError(Exception):
    """An environment cannot be made; the message is uv's last lines."""


@dataclass(frozen=True)
class Environment:
    """An environment with a server in it."""

    version: str
    folder: Path

    @classmethod
    def of(cls, version):
        """Return the environment of a version, making it if there is none yet."""
        newest = version == list(RELEASED)[-1] and PRESENT.exists()
        made = cls(version, PRESENT if newest else CACHE / version)
        if not (made.folder / ".installed").exists():
            made._install()
        return made

    @property
    def command(self):
        """The path of the server's executable."""
        return str(self.folder / "bin" / "xinference-local")

    def versions(self):
        """Return the versions of Python and of the packages that matter, by name."""
        python = self.folder / "bin" / "python"
        listed = json.loads(_uv("pip", "list", "--format", "json", "--python", python))
        there = {each["name"]: each["version"] for each in listed}
        told = subprocess.run([python, "-V"], capture_output=True, text=True, check=True)
        return {
            "python": told.stdout.split()[-1],
            **{name: there[name] for name in TOLD if name in there},
        }

    def _install(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, self.folder)
        python = self.folder / "bin" / "python"
        install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", python)
        _uv(*install, TORCH)
        overrides = self.folder / "overrides.txt"
        overrides.write_text("\n".join(OVERRIDES), encoding="utf-8")
        until = RELEASED[self.version] + timedelta(days=7)
        given = ("--exclude-newer", until.isoformat(), "--override", overrides)
        _uv(*install, *given, f"xinference=={self.version}", *WANTED)
        for module in self.folder.glob("lib/*/site-packages/xinference/model/image/ocr/*.py"):
            written = module.read_text("utf-8")
            if IMPORTED in written:
                module.unlink()  # it may be a link into uv's cache
                module.write_text(written.replace(IMPORTED, ""), encoding="utf-8")
        (self.folder / ".installed").touch()


def _uv(*arguments):
    """Run uv with the package locations that pip uses."""
    beside = Path(sys.executable).parent
    uv = shutil.which("uv", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    links = os.environ.get("PIP_FIND_LINKS")
    done = subprocess.run(
        [uv or "uv", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **({"UV_FIND_LINKS": links} if links else {})},
    )
    if done.returncode:
        raise NotInstalledError("\n".join(done.stderr.strip().splitlines()[-5:]))
    return done.stdout
