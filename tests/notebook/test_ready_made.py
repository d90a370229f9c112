"""Which object a running model is used as."""

import pytest

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.models import RunningModel
from xinference_magics.errors import NotebookError
from xinference_magics.notebook.session.namespace import CHAT, KINDS, kind_of


def running(model_type="LLM", *abilities):
    return RunningModel(
        uid="tiny", name="tiny", type=model_type, abilities=abilities, engine="llama.cpp"
    )


@pytest.fixture
def session(magics):
    """A session with a connection that gets no requests."""
    magics.session.connector._cluster = Cluster("http://127.0.0.1:9")
    return magics.session


@pytest.mark.parametrize(
    ("model", "name", "class_name"),
    [
        (running("LLM", "chat", "tools"), "llm", "ChatXinference"),
        (running("LLM", "generate", "chat"), "llm", "ChatXinference"),
        (running("LLM", "generate"), "llm", "XinferenceLLM"),
        (running("embedding", "embed"), "embeddings", "XinferenceEmbeddings"),
        (running("rerank", "rerank"), "reranker", "XinferenceRerank"),
    ],
)
def test_type_and_ability_decide(session, model, name, class_name):
    assert session.use(model).said.startswith(f"Ready: {name} is a {class_name} for tiny")
    made = session.namespace.variables[name]
    assert type(made).__name__ == class_name
    assert (made.server_url, made.model_uid) == ("http://127.0.0.1:9", "tiny")
    assert (session.model is made) == (class_name == "ChatXinference")


def test_text_models_have_the_parameters_of_the_notebook(session, magics):
    magics.temperature = 0.5
    session.use(running("LLM", "generate"))
    made = session.namespace.variables["llm"]
    assert (made.temperature, made.engine) == (0.5, "llama.cpp")


def test_names(session, magics):
    magics.name = "model"
    assert "model is" in session.use(running("LLM", "chat")).said
    assert "embeddings is" in session.use(running("embedding", "embed")).said
    assert "other is" in session.use(running("embedding", "embed"), "other").said
    session.namespace.variables["reranker"] = "mine"
    assert "reranker is your own variable" in session.use(running("rerank", "rerank")).said


def test_an_embedding_model_does_not_end_the_chat(session):
    session.use(running("LLM", "chat"))
    chatting = session.model
    session.use(running("embedding", "embed"))
    assert session.model is chatting


@pytest.mark.parametrize("model", [running("video", "text2video"), running("embedding")])
def test_models_without_a_class(session, model):
    assert kind_of(model) is None
    with pytest.raises(NotebookError, match="There is no LangChain class for this type"):
        session.use(model)
    with pytest.raises(NotebookError, match="It does not chat"):
        session.askable(model, CHAT)


def test_every_class_can_be_made():
    for kind in KINDS:
        assert kind.make(running(), {"model": "tiny"}).model_uid == "tiny"


def test_a_chat_model_has_the_profile_of_its_description(session):
    session.use(running("LLM", "chat", "tools", "hybrid"))
    profile = session.model.profile
    assert profile["tool_calling"]
    assert profile["reasoning_output"]
    assert not profile["image_inputs"]
    assert "max_input_tokens" not in profile
