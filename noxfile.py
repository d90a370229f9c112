#!/usr/bin/env -S uv run --script

# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2025.5"]
# ///
"""What people and CI run, each in an environment of its own: ``nox -l`` lists the sessions.

``make test`` runs every test in one environment; here are the others: other Pythons, the oldest
and the newest dependencies, earlier kernels, and what needs no test at all.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
OLDEST = PYTHONS[0]
KERNELS = ["6.31", "7.3"]
QUICK = ("-m", "not server and not browser")


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Check style, spelling, what imports what, and the repository's habits."""
    session.install("--group", "lint", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("lint-imports")
    session.run("sp-repo-review", ".")


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install("--group", "lint", "--group", "test", ".")
    session.run("mypy")


@nox.session(python=PYTHONS, default=False)
def tests(session: nox.Session) -> None:
    """Run the tests, on the newest dependencies: the quick ones unless others are named."""
    session.install("--group", "test", ".")
    session.run("pytest", *(session.posargs or QUICK))


@nox.session(python=OLDEST, venv_backend="uv", default=False)
def lowest(session: nox.Session) -> None:
    """Run the tests on the oldest dependencies that pyproject.toml allows."""
    pins = f"{session.create_tmp()}/lowest.txt"
    oldest = ("--resolution", "lowest-direct", "--python-version", OLDEST)
    session.run("uv", "pip", "compile", "-q", *oldest, "pyproject.toml", "-o", pins)
    session.install("--constraint", pins, "--group", "test", ".")
    # The plugin of an old anyio warns on a new pytest, before any filter of ours.
    session.run("pytest", "-p", "no:anyio", *(session.posargs or QUICK))


@nox.session(python=OLDEST, default=False)
@nox.parametrize("version", KERNELS, ids=KERNELS)
def ipykernel(session: nox.Session, version: str) -> None:
    """Run the tests in earlier kernels: the one before ipykernel 7, and an earlier 7."""
    session.install("--group", "test", ".", f"ipykernel=={version}.*")
    session.run("pytest", *(session.posargs or QUICK))


@nox.session(python=OLDEST, default=False)
def older_servers(session: nox.Session) -> None:
    """Run real servers of each major version; XINFERENCE_VERSIONS="1.17.1 2.12.0" takes some."""
    session.install("--group", "test", ".", "uv")
    session.run("pytest", *(session.posargs or ("tests/older_servers",)))


@nox.session(python=OLDEST, default=False)
def coverage(session: nox.Session) -> None:
    """Tell which branches the tests leave out."""
    session.install("--group", "test", "--editable", ".")
    session.run("pytest", "--cov", "--cov-report=term", "--cov-report=xml", *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Build the documentation into site/."""
    session.install("--group", "docs", ".")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session(python=OLDEST, default=False)
def build(session: nox.Session) -> None:
    """Build the sdist and the wheel into dist/."""
    session.install("build")
    session.run("python", "-m", "build", *session.posargs)


if __name__ == "__main__":
    nox.main()
