import copy
import math
import pickle
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel, ValidationError

from xinference_magics import XinferenceEmbeddings, XinferenceLLM, XinferenceRerank
from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError, ConnectError
from xinference_magics.models import served
from xinference_magics.transport.inference import InferenceEndpoint

KINDS = [ChatXinference, XinferenceLLM, XinferenceEmbeddings, XinferenceRerank]


def pickled(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301  # our own


def test_nothing_is_sent(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection"))
    model = ChatXinference("http://127.0.0.1:9", "tiny")
    model.bind_tools([])
    assert model.profile is None


@pytest.mark.parametrize(
    "given",
    [
        {"server_url": "localhost:9997/", "model_uid": "tiny"},
        {"base_url": "http://localhost:9997", "model": "tiny"},
        {"base_url": "http://localhost:9997/v1", "model_uid": "tiny"},
    ],
)
def test_both_pairs_of_names(given):
    model = ChatXinference(**given)
    assert (model.server_url, model.model_uid) == ("http://localhost:9997", "tiny")


def test_both_may_be_given_by_position():
    model = ChatXinference("http://localhost:9997", "tiny")
    assert (model.server_url, model.model_uid) == ("http://localhost:9997", "tiny")


def test_the_endpoint_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("XINFERENCE_ENDPOINT", "server:9990")
    assert ChatXinference(model="tiny").server_url == "http://server:9990"
    monkeypatch.delenv("XINFERENCE_ENDPOINT")
    assert ChatXinference(model="tiny").server_url == "http://127.0.0.1:9997"


def test_older_code_calls_streaming_stream():
    assert ChatXinference(model="tiny", stream=True).streaming
    with pytest.raises(BadRequestError, match="stream and streaming are the same"):
        ChatXinference(model="tiny", stream=True, streaming=False)
    with pytest.raises(BadRequestError, match="There is no parameter 'stream'"):
        XinferenceEmbeddings(model="tiny", stream=True)


def test_names_are_given_once():
    with pytest.raises(BadRequestError, match="model and model_uid are the same"):
        ChatXinference(model="a", model_uid="b")


@pytest.mark.parametrize("name", ["max_token", "temprature", "sever_url", "apikey"])
def test_a_misspelt_parameter_is_refused_with_the_nearest_name(name):
    with pytest.raises(BadRequestError, match=rf"There is no parameter '{name}'. Did you mean "):
        ChatXinference(**{"model": "tiny", name: 1})


def test_a_misspelt_parameter_is_refused_by_bind():
    with pytest.raises(BadRequestError, match="Did you mean max_tokens"):
        ChatXinference(model="tiny").bind(max_token=5)


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "xf-planted"},
        {"model": "tiny", "api_key": ["xf-planted"]},
        {"model": "tiny", "api_key": "xf-planted", "timeout": "xf-planted"},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_validation_error_shows_no_key(kind, given):
    """Pydantic would quote the beginning and the end of the whole input."""
    with pytest.raises(ValidationError) as caught:
        kind(**given)
    assert "xf-" not in str(caught.value)


def test_bad_values_and_a_missing_model_are_refused():
    with pytest.raises(ValidationError, match="temperature"):
        ChatXinference(model="tiny", temperature=3)
    with pytest.raises(ValidationError, match="model_uid"):
        ChatXinference()
    with pytest.raises(ConnectError, match="is not a server address"):
        ChatXinference("http://[", "tiny")


def test_an_invalid_model_is_one_line_in_a_cell():
    with pytest.raises(ValidationError) as caught:
        ChatXinference("http://127.0.0.1:9", temperature="hot", api_key="xf-hidden")
    [line] = caught.value._render_traceback_()
    assert line.startswith("ValidationError: ChatXinference cannot be created: model_uid: Field re")
    assert "; temperature: Input should be a valid number" in line
    assert "hot" not in line


def test_no_secret_is_shown():
    model = ChatXinference(model="tiny", api_key="xf-secret", token_source=lambda: "jwt")
    assert "xf-secret" not in f"{model!r}{model._identifying_params}{model.model_dump()}"
    assert "token_source" not in f"{model!r}{model.model_dump()}"


def test_the_token_source_takes_precedence_over_the_key():
    model = ChatXinference(model="tiny", api_key="xf-secret", token_source=lambda: "jwt")
    assert model._endpoint.token() == "jwt"
    assert ChatXinference(model="tiny", api_key="xf-secret")._endpoint.token() == "xf-secret"
    assert ChatXinference(model="tiny")._endpoint.token() is None


class Login:
    """A token source that cannot be copied."""

    def __init__(self):
        self.lock = threading.Lock()

    def token(self):
        return "jwt"


@pytest.mark.parametrize("used", [False, True])
def test_it_can_be_pickled_and_copied(used):
    model = ChatXinference(model="tiny", temperature=0.5, token_source=Login().token)
    if used:
        model._endpoint._sync()
    restored = pickled(model)
    assert restored.generation_parameters == {"temperature": 0.5}
    assert restored.token_source is None
    copied = copy.deepcopy(model)
    assert copied.token_source is model.token_source
    assert copied._clients is None
    copied = model.model_copy(update={"temperature": 0.1}, deep=True)
    assert copied.token_source is model.token_source
    assert copied.generation_parameters == {"temperature": 0.1}
    assert copied._clients is None


def test_it_can_be_a_field_of_another_model():
    class Holder(BaseModel):
        llm: ChatXinference

    model = ChatXinference(model="tiny")
    assert Holder(llm=model).llm is model
    assert Holder(llm={"model": "tiny"}).llm == model


def test_clients_follow_the_fields():
    model = ChatXinference("http://127.0.0.1:9", "tiny")
    first = model._endpoint
    assert model._endpoint is first
    model.server_url = "http://127.0.0.1:10"
    assert model._endpoint.endpoint == "http://127.0.0.1:10"
    assert model.model_copy(update={"timeout": 1})._endpoint.timeouts.read == 1


def test_no_thread_gets_clients_for_old_field_values(monkeypatch):
    making, go_on = threading.Event(), threading.Event()

    class Slow(InferenceEndpoint):
        def __init__(self, *args, **kwargs):
            first = not making.is_set()
            making.set()
            if first:
                assert go_on.wait(10)
            super().__init__(*args, **kwargs)

    model = ChatXinference("http://127.0.0.1:9", "tiny")
    assert model._endpoint.endpoint == "http://127.0.0.1:9"
    model.server_url = "http://127.0.0.1:10"
    monkeypatch.setattr(served, "InferenceEndpoint", Slow)
    with ThreadPoolExecutor(1) as another:
        slow = another.submit(lambda: model._endpoint)
        assert making.wait(10)
        found = model._endpoint
        go_on.set()
        assert found.endpoint == slow.result().endpoint == "http://127.0.0.1:10"


@pytest.mark.parametrize(
    ("timeout", "connect", "read"),
    [(None, 5, 600), (60, 5, 60), (1, 1, 1), ((2, None), 2, None)],
)
def test_timeouts(timeout, connect, read):
    found = ChatXinference(model="tiny", timeout=timeout)._endpoint.timeouts
    assert (found.connect, found.read) == (connect, read)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, 1e9])
def test_a_timeout_that_no_socket_can_have_is_refused(kind, seconds):
    for timeout in (seconds, (seconds, 5), (5, seconds)):
        with pytest.raises(ValidationError, match="timeout"):
            kind(model="tiny", timeout=timeout)
        model = kind(model="tiny").model_copy(update={"timeout": timeout})
        with pytest.raises(BadRequestError, match=r"A timeout of \S+ s is not possible") as caught:
            model._endpoint  # noqa: B018  # it creates the clients
        assert not caught.value.is_retryable


PLAIN = "xf-plain"
UNCHECKED = {
    "a copy": lambda model: model.model_copy(update={"api_key": PLAIN}),
    "a deep copy": lambda model: model.model_copy(update={"api_key": PLAIN}, deep=True),
    "an assignment": lambda model: setattr(model, "api_key", PLAIN) or model,
    "a construction": lambda model: type(model).model_construct(
        server_url="http://h", model_uid="tiny", api_key=PLAIN
    ),
}


@pytest.mark.parametrize("way", UNCHECKED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_hidden_however_it_is_set(kind, way):
    model = UNCHECKED[way](kind(model="tiny"))
    assert PLAIN not in f"{model!r}{model}{model.model_dump()}{model.model_dump_json()}"
    assert model._endpoint.token() == PLAIN
    assert pickled(model)._endpoint.token() == PLAIN


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_in_an_address_is_refused_however_it_is_set(kind):
    model = kind(model="tiny")
    with pytest.raises(ConnectError, match="user name in it"):
        model.server_url = "http://me:planted@h"
    with pytest.raises(ConnectError, match="user name in it"):
        model.model_copy(update={"server_url": "http://me:planted@h"})
    assert model.model_copy(update={"server_url": "h:1/"}).server_url == "http://h:1"


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_of_the_environment_is_never_an_object_s_own(monkeypatch, kind):
    monkeypatch.setenv("XINFERENCE_API_KEY", "xf-environment")
    model = kind(model="tiny")
    again = kind(**dict(model))
    for each in (model, again, copy.deepcopy(again), again.model_copy(), pickled(again)):
        assert not each._has_own_key
        assert b"xf-environment" not in pickle.dumps([each, each.model_dump()])
        assert each._endpoint.token() == "xf-environment"


def test_configuring_a_field_does_not_make_it_one_either(monkeypatch):
    monkeypatch.setenv("XINFERENCE_API_KEY", "xf-environment")
    flexible = ChatXinference(model="tiny").configurable_fields(
        temperature=ConfigurableField("t"), api_key=ConfigurableField("key")
    )
    model, _ = flexible.prepare({"configurable": {"t": 0.5}})
    assert model.temperature == 0.5
    assert not model._has_own_key
    assert b"xf-environment" not in pickle.dumps([model, flexible])
    other, _ = flexible.prepare({"configurable": {"key": "xf-own"}})
    assert other._has_own_key
    assert other._endpoint.token() == "xf-own"


def test_what_traces_see():
    model = ChatXinference(model="tiny", temperature=0, max_tokens=5, stop="a")
    assert model._llm_type == "chat-xinference"
    assert model._get_ls_params() == {
        "ls_provider": "xinference",
        "ls_model_name": "tiny",
        "ls_model_type": "chat",
        "ls_temperature": 0,
        "ls_max_tokens": 5,
        "ls_stop": ["a"],
    }
    assert "xinference-magics" in model.metadata["lc_versions"]


def test_tokens_are_counted_without_a_download():
    model = ChatXinference(model="tiny")
    assert 2 <= model.get_num_tokens("Where can we visit?") <= 10
    asked = [HumanMessage("Where can we visit?")]
    without = model.get_num_tokens_from_messages(asked)
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    assert 2 <= without < model.get_num_tokens_from_messages(asked, [tool])
    exact = ChatXinference(model="tiny", custom_get_token_ids=lambda text: [ord(c) for c in text])
    assert exact.get_num_tokens("four") == 4


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_value_it_is_one_line_that_says_where_it_runs(kind):
    model = kind("http://127.0.0.1:9997/prefix", "tiny", api_key="sk-secret")
    assert repr(model) == str(model) == f"{kind.__name__}(tiny at 127.0.0.1:9997)"
    chat = ChatXinference("https://models.example", "tiny", engine="llama.cpp")
    assert repr(chat) == "ChatXinference(tiny at models.example, llama.cpp)"
