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
        # a scheme as people type it
        ("http:/127.0.0.1:9997", "http://127.0.0.1:9997"),
        ("http:127.0.0.1:9997", "http://127.0.0.1:9997"),
        ("http//127.0.0.1:9997", "http://127.0.0.1:9997"),
        ("https//h", "https://h"),
        ("http:///h:1", "http://h:1"),
        ("http;//h:1", "http://h:1"),
        ("http:\\\\h:1", "http://h:1"),
        ("HTTPS:/H:1", "https://h:1"),
        ("http://http://h:1", "http://h:1"),
        ("http://https://h:1", "https://h:1"),
        ("//h:1", "http://h:1"),
        # this machine
        ("0.0.0.0", "http://127.0.0.1:9997"),  # noqa: S104
        ("http://0:9997", "http://127.0.0.1:9997"),
        ("http://0.0:9997", "http://127.0.0.1:9997"),
        ("http://0x0:9997", "http://127.0.0.1:9997"),
        ("http://[::ffff:0.0.0.0]:9997", "http://127.0.0.1:9997"),
        ("http://[::ffff:10.0.0.1]:9997", "http://[::ffff:10.0.0.1]:9997"),
        ("http://[::]:9997", "http://[::1]:9997"),
        ("http:/[::]:9997", "http://[::1]:9997"),
        ("http://[0:0:0:0:0:0:0:0]:9997", "http://[::1]:9997"),
        ("[::]", "http://[::1]:9997"),
        ("::", "http://[::1]:9997"),
        ("::1", "http://[::1]:9997"),
        ("fe80::1", "http://[fe80::1]:9997"),
        (":9998", "http://127.0.0.1:9998"),
        ("http://:9998", "http://127.0.0.1:9998"),
        ("9998", "http://127.0.0.1:9998"),
        ("LOCALHOST:9997", "http://localhost:9997"),
        # what is copied along
        ("\t'http://h:1'\n", "http://h:1"),
        ("<http://h:1/>", "http://h:1"),
        ("\ufeffhttp://h:1\u200b\xa0", "http://h:1"),
        ("localhost:9997/v1/chat/completions", "http://localhost:9997"),
        ("http://h:1/v1/completions/", "http://h:1"),
        ("http://h:1/v1/models/my-model", "http://h:1"),
        ("http://h:1/x/v1/rerank", "http://h:1/x"),
        ("http://h:1/ui/#/launch_model/llm", "http://h:1"),
        ("http://h:1/docs", "http://h:1"),
        ("h:9997/ui/", "http://h:9997"),
        # names and paths that look like the above
        ("http://h/ml/ui/xinf", "http://h/ml/ui/xinf"),
        ("https://h/team/docs/x/", "https://h/team/docs/x"),
        (
            "https://hub.example/user/ann@example.org/proxy/9997/v1",
            "https://hub.example/user/ann@example.org/proxy/9997",
        ),
        ("http://h:1/user/ann%40example.org", "http://h:1/user/ann%40example.org"),
        ("https://h/v1/xinference", "https://h/v1/xinference"),
        ("https://h/gui", "https://h/gui"),
        ("httpd:80", "http://httpd:80"),
        ("http.example.org", "http://http.example.org:9997"),
        ("http:9997", "http://http:9997"),
        ("my_host-1.example.org", "http://my_host-1.example.org:9997"),
        ("bücher.example:1", "http://bücher.example:1"),
    ],
)
def test_normalize(typed, meant):
    assert normalize(typed) == meant
    assert normalize(meant) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "http://me:s3cret@h:x",
        "http://me:s3cret@a b",
        "me:s3cret@:1",
        "http:/me:s3cret@h:1",
        "http//me:s3cret@h:1",
        "ftp://me:s3cret@h:1",
        "me:s3cret@@h:1",
        "http://me:s3cret/more@h",
        "http://me:1/s3cret@h",
        "http://me:1?s3cret@h",
        "http://me#s3cret@h",
        "htp//me:s3cret@h:1",
        "me/x:s3cret@h",
        "http://me:s3cret%40h:1",
        "me%3As3cret%40h",
        "http://me:s3cret\uff20h:1",
        "http://me\uff1as3cret/\uff0fmore\uff20h",
        "me:s3cret\ufe6bh:1",
    ],
)
def test_a_password_in_an_address_is_not_repeated(typed):
    with pytest.raises(ConnectError) as caught:
        normalize(typed)
    assert "s3cret" not in str(caught.value)
    assert "%40" in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("http://h:s3cret", "http://h…"),
        ("http://h:x/?api_key=s3cret", "http://h…"),
        ("h:x/s3cret", "h…"),
        ("http://h?s3cret x", "http://h…"),
        ("http://h#s3cret x", "http://h…"),
        ("htp//h:s3cret", "htp//h…"),
        ("http:h:s3cret", "http…"),
        ("h:s3cret%2540more", "h…"),
        ("s3cret%2540h:x", "…"),
        ("http://h\uff1as3cret", "http://h…"),
        ("ftp://h", "ftp://h"),
        ("", ""),
    ],
)
def test_only_the_host_of_an_invalid_address_is_repeated(typed, shown):
    with pytest.raises(ConnectError) as caught:
        normalize(typed)
    assert caught.value.message == f"'{shown}' is not a server address."


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "http://",
        "http:",
        "ftp://h",
        "ws://h:1",
        "htp:/h:1",
        "htttp//h:1",
        "http.//h:1",
        "http://h:x",
        "http://h:0",
        "http://h:99999",
        "99999",
        "h:1:2",
        "a b",
        "http://h\n:1",
        "http://h:1/a b",
        "Uvicorn running on http://0.0.0.0:9997",
        "http://<host>:9997",
        "http://{host}:9997",
        "http://a,b:1",
        "http://[::1:9997",
        "http://[x]:1",
        "/v1",
        "x" * 9999 + " y",
    ],
)
def test_invalid_addresses_are_reported(typed):
    with pytest.raises(ConnectError, match="is not a server address") as caught:
        normalize(typed)
    assert DEFAULT_ENDPOINT in caught.value.hint
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
    assert not caught.value.is_retryable


def test_a_password_is_not_repeated():
    with pytest.raises(ConnectError) as caught:
        normalize("http://user:hunter2@h:1")
    assert "hunter2" not in str(caught.value)
    assert "XINFERENCE_API_KEY" in caught.value.hint


def test_resolve_takes_the_first_that_is_set(monkeypatch):
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
        ("http://[::ffff:127.0.0.1]:1", True),
        ("http://10.0.0.1:1", False),
        ("http://localhost.example.org", False),
    ],
)
def test_is_loopback(endpoint, here):
    assert is_loopback(endpoint) is here
