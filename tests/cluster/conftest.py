"""Fixtures shared by the cluster tests."""

import sys
from pathlib import Path

import pytest
from management_server import scripted_api
from web_server import answering


@pytest.fixture
def json_server():
    """A server that answers everything with JSON but isn't Xinference."""

    with answering(b"[1]", "application/json") as url:
        yield url


@pytest.fixture
def answers():
    """Scripted answers, served at `answers.endpoint`."""
    with scripted_api() as made:
        yield made


@pytest.fixture
def command(tmp_path):
    """The stand-in for `xinference-local`, as an executable."""
    fake = Path(__file__).with_name("fake_xinference.py")
    path = tmp_path / "xinference-local"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} "$@"\n')
    path.chmod(0o755)
    return str(path)
