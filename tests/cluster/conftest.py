"""Fixtures shared by the cluster tests."""

import sys
from pathlib import Path

import pytest
from scripted_server import Reply, ScriptedServer


@pytest.fixture
def json_server():
    """A server that answers everything with JSON but isn't Xinference."""
    with ScriptedServer() as web:
        web["*"] = Reply(body=[1])
        yield web.endpoint


@pytest.fixture
def answers():
    """Scripted answers, served at `answers.endpoint`."""
    with ScriptedServer() as made:
        yield made


@pytest.fixture
def command(tmp_path):
    """The stand-in for `xinference-local`, as an executable."""
    fake = Path(__file__).with_name("fake_xinference.py")
    path = tmp_path / "xinference-local"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} "$@"\n')
    path.chmod(0o755)
    return str(path)
