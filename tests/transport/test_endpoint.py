"""Endpoints as people type them."""

import pytest

from xinference_magics.errors import ConnectError
from xinference_magics.transport.endpoint import (
    DEFAULT_ENDPOINT,
    is_loopback,
    normalize,
    resolve,
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://h:9997", "http://h:9997"),
        ("http://h:9997/", "http://h:9997"),
        (" http://h:9997//  ", "http://h:9997"),
        ("http://h:9997/v1/", "http://h:9997"),
        ("h:1234", "http://h:1234"),
        ("localhost", "http://localhost:9997"),
        ("127.0.0.1", "http://127.0.0.1:9997"),
        ("https://models.example.org", "https://models.example.org"),
        ("https://example.org/xinference/v1", "https://example.org/xinference"),
        ("HTTP://Host:80/Path", "http://host:80/Path"),
        ("http://0.0.0.0:9997", "http://127.0.0.1:9997"),
        ("[::1]:9997", "http://[::1]:9997"),
        ("http://h:1/?x=1#y", "http://h:1"),
    ],
)
def test_normalize(typed, meant):
    assert normalize(typed) == meant
    assert normalize(meant) == meant


@pytest.mark.parametrize("typed", ["http://me:s3cret@h:x", "http://me:s3cret@a b", "me:s3cret@:1"])
def test_a_password_in_an_address_is_not_repeated(typed):
    with pytest.raises(ConnectError) as caught:
        normalize(typed)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("typed", ["", "http://", "ftp://h", "http://h:x", "http://h:99999", "a b"])
def test_what_is_no_address_is_said(typed):
    with pytest.raises(ConnectError, match="is not the address of a server") as caught:
        normalize(typed)
    assert DEFAULT_ENDPOINT in caught.value.hint


def test_a_password_is_not_repeated():
    with pytest.raises(ConnectError) as caught:
        normalize("http://user:hunter2@h:1")
    assert "hunter2" not in str(caught.value)
    assert "XINFERENCE_API_KEY" in caught.value.hint


def test_resolve_takes_the_first_that_is_given(monkeypatch):
    monkeypatch.delenv("XINFERENCE_ENDPOINT", raising=False)
    assert resolve(None) == DEFAULT_ENDPOINT
    monkeypatch.setenv("XINFERENCE_ENDPOINT", "http://env:1/")
    assert resolve(None) == "http://env:1"
    assert resolve(None, "configured") == "http://configured:9997"
    assert resolve("explicit:2", "configured") == "http://explicit:2"


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1:1", False),
        ("http://localhost.example.org", False),
    ],
)
def test_is_loopback(endpoint, here):
    assert is_loopback(endpoint) is here
