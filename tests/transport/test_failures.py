"""Responses, in the shapes that Xinference sends, and exceptions become helpful errors."""

import json
from http.client import BadStatusLine
from ssl import SSLCertVerificationError

import pytest
import requests

from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ContextLengthError,
    InternalServerError,
    LaunchError,
    ModelNotFoundError,
    ModelNotReadyError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TimedOutError,
)
from xinference_magics.nearest import did_you_mean
from xinference_magics.transport.failures import server_error
from xinference_magics.transport.unreachable import connect_error

ENDPOINT = "http://h:9997"
PREFIX = "[address=127.0.0.1:36209, pid=10578] "


def failure(status, detail, **options):
    body = detail if isinstance(detail, bytes) else json.dumps({"detail": detail}).encode()
    return server_error(status, body, endpoint=ENDPOINT, **options)


@pytest.mark.parametrize(
    ("status", "detail", "kind", "says"),
    [
        (401, "Could not validate credentials", AuthenticationError, "XINFERENCE_API_KEY"),
        (401, "API key has expired", AuthenticationError, "API key has expired"),
        (401, "API key is disabled", AuthenticationError, "API key is disabled"),
        (401, "Incorrect username or password", AuthenticationError, "is wrong"),
        (
            403,
            "API keys can only access model query and inference endpoints",
            PermissionDeniedError,
            "This is an API key: at http://h:9997 it can use models, but not launch",
        ),
        (
            403,
            "Not enough permissions",
            PermissionDeniedError,
            "This user is not allowed to do that at",
        ),
        (
            403,
            "Password change required before using this account.",
            PermissionDeniedError,
            "not allow this: Password change required before using this account. Ask",
        ),
        (
            429,
            "Too many failed attempts. IP temporarily banned.",
            RateLimitError,
            "banned this address for an hour",
        ),
        (429, "Rate limit reached", RateLimitError, "Rate limit reached"),
        (
            503,
            f"{PREFIX}Model is loading, please retry later: Model q is launching, not yet ready",
            ModelNotReadyError,
            "The model q is still loading",
        ),
        (404, "Not Found", ServerError, "is an Xinference server running there?"),
        (
            400,
            f"{PREFIX}Model not found in the model list, uid: nope",
            ModelNotFoundError,
            "No model with the UID nope is running at http://h:9997",
        ),
        (
            400,
            "Model not found, name: nope, format: pytorch, size: 0_1, quantization: none",
            ModelNotFoundError,
            "Model not found, name: nope",
        ),
        (400, "Model nope not found", ModelNotFoundError, "Model nope not found"),
        (400, "Model m already registered", BadRequestError, "Model m already registered."),
        (
            400,
            "This model's maximum context length is 4096 tokens. However, you requested 5000.",
            ContextLengthError,
            "4096 tokens",
        ),
        (
            500,
            f"{PREFIX}[Errno 111] Connect call failed ('127.0.0.1', 9932)",
            InternalServerError,
            "at http://h:9997, or its worker, is not responding: [Errno 111] Connect call failed",
        ),
        (
            500,
            f"{PREFIX}Remote server 127.0.0.2:9933 closed: Server may be closed.",
            InternalServerError,
            "or its worker, is not responding: Remote server 127.0.0.2:9933 closed: Server may",
        ),
        (
            500,
            f"{PREFIX}Model tiny-rep0 is in stopping state",
            ModelNotReadyError,
            " at http://h:9997 has ended, or is ending. If it has crashed, its worker is starting",
        ),
        (500, PREFIX, InternalServerError, "See the server's log for the reason."),
        (502, "Bad Gateway", InternalServerError, "HTTP 502: Bad Gateway. Try again soon."),
        (503, "No capacity", InternalServerError, "HTTP 503: No capacity. Try again soon."),
        (499, "Launch cancelled", LaunchError, "Launch cancelled"),
        (501, "logit_bias is not supported", ServerError, "logit_bias is not supported"),
    ],
)
def test_a_response_has_its_error(status, detail, kind, says):
    error = failure(status, detail)
    assert type(error) is kind
    assert says in str(error)
    assert error.status == status
    assert "address=" not in str(error)
    assert "\n" not in str(error)


def test_a_list_of_running_models_becomes_suggestions():
    detail = (
        "Model not found in the model list, uid: qwen2. Available model uids: "
        "['qwen2.5', 'other'] (cached, retry after 10.0s)"
    )
    error = failure(404, detail)
    assert type(error) is ModelNotFoundError
    assert (
        str(error)
        == "No model with the UID qwen2 is running at http://h:9997. Did you mean qwen2.5?"
    )
    assert "Running: qwen2.5, other." in str(
        failure(404, detail.replace("uid: qwen2.", "uid: zzz."))
    )
    assert str(failure(404, detail.replace("'qwen2.5', 'other'", ""))).endswith(
        "No models are running there; `Cluster(server_url).launch(...)` starts one."
    )


def test_a_uid_with_odd_characters_is_named_completely():
    error = failure(400, "Model not found in the model list, uid: ö b?, c")
    assert "the UID ö b?, c is running" in str(error)


def test_a_validation_report_becomes_its_useful_line():
    text = (
        b"Internal Server Error: 2 validation errors for CreateChatCompletion\n"
        b"max_tokens\n  ensure this value is greater than or equal to 1 (type=value_error)\n"
        b"top_p\n  ensure this value is less than or equal to 1 (type=value_error)"
    )
    error = failure(500, text)
    assert type(error) is BadRequestError
    assert "max_tokens: ensure this value is greater than or equal to 1" in str(error)
    assert "; top_p: ensure" in str(error)


def test_invalid_fields_from_fastapi_are_named():
    error = failure(422, [{"loc": ["body", "model"], "msg": "field required"}])
    assert type(error) is BadRequestError
    assert "model: field required" in str(error)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>", "Bad Gateway"),
        (b"<p>upstream <b>gone</b></p><script>alert(1)</script>", "upstream gone"),
        (b'{"error": {"message": "no upstream"}}', "no upstream"),
        (b'{"detail": null}', "HTTP 502."),
        (b"{'message': 'out of memory', 'code': 500}", "out of memory"),
        (b"{'" + b"[" * 9999, "HTTP 502"),
        (b"", "HTTP 502."),
        (b"\xff\xfe", "HTTP 502"),
    ],
)
def test_the_message_of_a_proxy_is_one_line(body, says):
    error = failure(502, body)
    assert says in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("status", "begin"),
    [
        (400, ""),
        (400, "Model not found "),
        (401, "API key "),
        (403, ""),
        (429, ""),
        (500, "Connect call failed "),
        (502, ""),
    ],
)
def test_a_page_of_text_is_cut(status, begin):
    assert len(failure(status, begin + "x" * 10_000).message) < 500


def test_waiting_times_are_passed_on():
    assert "in 30 s" in failure(503, "Model is loading", retry_after="30").hint
    assert "in 7 s" in failure(429, "Rate limit reached", retry_after="7").hint
    assert failure(503, "Model is loading", retry_after="30").retry_after == 30
    for odd in (None, "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"):
        assert failure(503, "Model is loading", retry_after=odd).retry_after is None


@pytest.mark.parametrize(
    ("exc", "kind", "says"),
    [
        (ConnectionRefusedError(111, "refused"), ConnectError, "refused the connection"),
        (OSError(113, "No route to host"), ConnectError, "no route to host"),
        (ConnectionResetError(104, "reset"), ConnectError, "closed the connection"),
        (TimeoutError(), TimedOutError, "is not responding"),
        (ValueError("odd"), ConnectError, "cannot be reached: odd"),
    ],
)
def test_a_network_exception_has_its_error(exc, kind, says):
    outer = RuntimeError("outer")
    outer.__cause__ = exc
    for each in [exc] if isinstance(exc, ValueError) else [exc, outer]:
        error = connect_error(each, ENDPOINT)
        assert type(error) is kind
        assert error.is_retryable
        assert str(error).startswith(ENDPOINT)
        assert says in str(error)


@pytest.mark.parametrize(
    "exc",
    [
        requests.exceptions.ProxyError(),
        requests.exceptions.SSLError(),
        requests.exceptions.TooManyRedirects(),
        requests.exceptions.ContentDecodingError(),
        BadStatusLine("SSH-2.0"),
        SSLCertVerificationError(1, "not trusted"),
    ],
)
def test_lasting_failures_are_not_retryable(exc):
    error = connect_error(exc, ENDPOINT)
    assert type(error) is ConnectError
    assert not error.is_retryable


def test_a_ban_is_not_retryable():
    assert failure(429, "Rate limit reached").is_retryable
    assert not failure(429, "Too many failed attempts. IP temporarily banned.").is_retryable


def test_suggestions_ignore_case():
    known = ["qwen2.5-instruct", "Qwen3-Instruct", "llama-3.1-instruct"]
    assert did_you_mean("qwen3-instruct", known).startswith("Did you mean Qwen3-Instruct")
    assert did_you_mean("zzz", known) == ""
