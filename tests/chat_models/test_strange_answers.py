"""Whole and streamed answers as other servers send them, sync and async."""

import json
import logging
import traceback

import pytest
import recorded
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.tools import tool
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference, XinferenceEmbeddings, XinferenceLLM, XinferenceRerank
from xinference_magics.errors import ServerError, StreamError, XinferenceError
from xinference_magics.transport import aio, events, handle

TEXT = "Grüße, 世界 😀!"
HEADERS = {
    "text/plain": {"Content-Type": "text/plain"},
    "text/plain in Latin-1": {"Content-Type": "text/plain; charset=utf-8"},
    "octets": {"Content-Type": "application/octet-stream"},
    "nothing": {"Content-Type": ""},
}


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", api_key="sk-secret", **fields)


def merged(chunks):
    first, *others = chunks
    if isinstance(first, str):
        return "".join(chunks)
    return first + others if others else first


async def all_ways(llm, asked="x", *, streams=True):
    """Return what `stream` and `astream` yield, or `invoke` and `ainvoke` return."""
    if not streams:
        return [llm.invoke(asked), await llm.ainvoke(asked)]
    return [merged(list(llm.stream(asked))), merged([each async for each in llm.astream(asked)])]


async def errors_of(llm, *, streams):
    with pytest.raises(ServerError) as caught:
        list(llm.stream("x")) if streams else llm.invoke("x")
    with pytest.raises(ServerError) as caught_async:
        [each async for each in llm.astream("x")] if streams else await llm.ainvoke("x")
    return caught.value, caught_async.value


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
async def test_the_content_type_of_a_whole_answer_does_not_matter(headers):
    body = json.dumps(recorded.whole({"content": TEXT}), ensure_ascii=False)
    with ScriptedServer(Reply(body=body, headers=headers)) as server:
        for message in await all_ways(model(server), streams=False):
            assert message.content == TEXT
    text = json.dumps(recorded.whole_text(TEXT), ensure_ascii=False)
    with ScriptedServer(Reply(body=text, headers=headers)) as server:
        llm = XinferenceLLM(server.endpoint, "tiny")
        assert await all_ways(llm, streams=False) == [TEXT, TEXT]
    with ScriptedServer(Reply(body=json.dumps(recorded.vectors([1.0])), headers=headers)) as server:
        embeddings = XinferenceEmbeddings(server.endpoint, "tiny")
        assert embeddings.embed_query("x") == await embeddings.aembed_query("x") == [1.0]


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
async def test_the_content_type_of_a_stream_does_not_matter(headers):
    wire = recorded.events(*recorded.vllm(TEXT)).decode()
    with ScriptedServer(Reply(body=wire, headers=headers)) as server:
        for message in await all_ways(model(server)):
            assert message.content == TEXT
    wire = recorded.events(*recorded.llama_text(TEXT)).decode()
    with ScriptedServer(Reply(body=wire, headers=headers)) as server:
        assert await all_ways(XinferenceLLM(server.endpoint, "tiny")) == [TEXT, TEXT]


async def test_a_whole_answer_to_a_request_for_a_stream():
    call = {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    answer = recorded.whole({"content": TEXT, "tool_calls": [call]}, "tool_calls")
    with ScriptedServer(Reply(body=answer)) as server:
        for message in await all_ways(model(server)):
            assert message.content == TEXT
            assert [each["id"] for each in message.tool_calls] == ["a"]
            assert message.usage_metadata["total_tokens"] == 36
    with ScriptedServer(Reply(body=recorded.whole_text(TEXT))) as server:
        assert await all_ways(XinferenceLLM(server.endpoint, "tiny")) == [TEXT, TEXT]


@pytest.mark.parametrize("finish", [None, ""])
async def test_a_whole_answer_without_a_finish_reason_is_complete(finish):
    with ScriptedServer(Reply(body=recorded.whole({"content": TEXT}, finish))) as server:
        for message in await all_ways(model(server)):
            assert message.content == TEXT
            assert message.response_metadata["finish_reason"] == "stop"
    body = json.dumps(recorded.whole({"content": TEXT}, finish))
    with ScriptedServer(Reply(body=body[:-20])) as server:
        with pytest.raises(StreamError, match="was cut off"):
            list(model(server).stream("x"))
        with pytest.raises(StreamError, match="was cut off"):
            [each async for each in model(server).astream("x")]
    with ScriptedServer(Reply(body=recorded.whole_text(TEXT, finish))) as server:
        assert await all_ways(XinferenceLLM(server.endpoint, "tiny")) == [TEXT, TEXT]


ODD = {
    "empty data": [b"data:\n\n", *recorded.llama(TEXT), b"data: \n\n"],
    "null": [b"data: null\n\n", *recorded.llama(TEXT)],
    "a byte order mark": [b"\xef\xbb\xbf" + recorded.events(*recorded.llama(TEXT), done=False)],
    "several lines": [
        recorded.events(*recorded.llama(TEXT), done=False).replace(b', "', b',\r\ndata: "')
    ],
    "no finish reason": [recorded.chunk({"content": TEXT}, ""), recorded.chunk({"content": ""})],
    "carriage returns": [
        b"\r".join(recorded.events(*recorded.llama(TEXT), done=False).splitlines()) + b"\r"
    ],
    "a text for a delta": [
        {"choices": [{"text": TEXT, "finish_reason": None}]},
        {"choices": [{"text": "", "finish_reason": "stop"}]},
    ],
    "a message for a delta": [
        {"choices": [{"message": {"content": TEXT}, "finish_reason": {"type": "stop"}}]}
    ],
    "halves": [
        'data: {"choices": [{"delta": {"content": "Grüße, 世界 \\ud83d"}}]}\n\n'.encode(),
        b'data: {"choices": [{"delta": {"content": "\\ude00!"}, "finish_reason": "stop"}]}\n\n',
    ],
}


@pytest.mark.parametrize("chunks", ODD.values(), ids=ODD)
@pytest.mark.parametrize("split", [0, 1])
async def test_odd_event_streams(chunks, split):
    with ScriptedServer(Stream(chunks, split=split)) as server:
        for message in await all_ways(model(server)):
            assert message.content == TEXT
            assert message.response_metadata["finish_reason"] == "stop"


BEGUN = recorded.llama("One")[:2]
REFUSED = {
    "an event called error": Stream(
        [*BEGUN, b'event: error\ndata: {"message": "CUDA is out of memory"}\n\n'], done=False
    ),
    "an event called error, as text": Stream(
        [*BEGUN, b"event: error\ndata: CUDA is out of memory\n\n"], done=False
    ),
    "vLLM's error object": Stream(
        [*BEGUN, {"object": "error", "message": "CUDA is out of memory"}], done=False
    ),
    "an error body": Reply(body={"error": {"message": "CUDA is out of memory"}}),
    "details": Reply(body={"detail": "CUDA is out of memory"}),
    "an error body as text": Reply(body='{"error": "CUDA is out of memory"}'),
}


@pytest.mark.parametrize("answer", REFUSED)
async def test_the_server_s_message_is_passed_on(answer):
    script = REFUSED[answer]
    with ScriptedServer(script) as server:
        for streams in [True] if isinstance(script, Stream) else [True, False]:
            for error in await errors_of(model(server), streams=streams):
                assert "CUDA is out of memory" in str(error)
                assert error.detail == "CUDA is out of memory"
                assert error.request_id in {body["request_id"] for body in server.bodies}


async def test_an_error_body_for_the_sibling_classes():
    with ScriptedServer(REFUSED["an error body"]) as server:
        embeddings = XinferenceEmbeddings(server.endpoint, "tiny")
        with pytest.raises(ServerError, match="CUDA is out of memory"):
            embeddings.embed_query("x")
        with pytest.raises(ServerError, match="CUDA is out of memory"):
            await embeddings.aembed_query("x")
        with pytest.raises(ServerError, match="CUDA is out of memory"):
            await XinferenceLLM(server.endpoint, "tiny").ainvoke("x")


async def test_rerank_sends_the_model_and_its_extra_parameters():
    with ScriptedServer(Reply(body=recorded.scores((0, 0.5)))) as server:
        rerank = XinferenceRerank(server.endpoint, "tiny", extra_body={"odd": 1})
        rerank.compress_documents([Document("a")], "x")
        await rerank.acompress_documents([Document("a")], "x")
        for request in server.requests:
            assert request.path == "/v1/rerank"
            assert request.body["model"] == "tiny"
            assert request.body["kwargs"] == '{"odd": 1}'
            assert request.body["odd"] == 1


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"22 degrees in {city}"


@pytest.mark.parametrize("key", [None, "", 0])
@pytest.mark.parametrize("streams", [True, False])
async def test_an_agent_continues_with_calls_without_ids(key, streams):
    names = [("weather", '{"city": "Paris"}'), ("weather", '"{\\"city\\": \\"Rome\\"}"')]
    calls = [
        {"index": 0, "id": key, "type": "function", "function": {"name": name, "arguments": text}}
        for name, text in names
    ]
    chunks = [recorded.chunk({"tool_calls": [each]}) for each in calls]
    if streams:
        scripts = (
            Stream([*chunks, recorded.chunk({}, "tool_calls")]),
            Stream(recorded.llama("Fine.")),
        )
    else:
        scripts = (
            Reply(body=recorded.whole({"content": None, "tool_calls": calls}, "tool_calls")),
            Reply(body=recorded.whole({"content": "Fine."})),
        )
    with ScriptedServer(*scripts) as server:
        agent = create_agent(model(server, streaming=streams), [weather])
        found = await agent.ainvoke({"messages": [("user", "How is it?")]})
        assert found["messages"][-1].content == "Fine."
        sent = server.bodies[1]["messages"]
        asked = [each["id"] for each in sent[1]["tool_calls"]]
        assert [each["tool_call_id"] for each in sent[2:]] == asked
        assert [each["content"] for each in sent[2:]] == [
            "22 degrees in Paris",
            "22 degrees in Rome",
        ]


BUG = """
def broken(*_, **__):
    raise AttributeError("of ours")
"""


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("module", [events, handle, aio])
async def test_a_bug_of_ours_is_not_blamed_on_the_server(monkeypatch, module, streams):
    package = {"__name__": "xinference_magics.broken"}
    exec(BUG, package)  # noqa: S102  # as if it were a part of the package
    name = {events: "_error_in", handle: "written", aio: "written"}[module]
    monkeypatch.setattr(module, name, package["broken"])
    script = Stream(recorded.llama("a")) if streams else Reply(body=recorded.whole({}))
    with ScriptedServer(script) as server:
        llm = model(server)
        if module is not aio:
            with pytest.raises(AttributeError, match="of ours"):
                list(llm.stream("x")) if streams else llm.invoke("x")
        if module is not handle:
            with pytest.raises(AttributeError, match="of ours"):
                [each async for each in llm.astream("x")] if streams else await llm.ainvoke("x")


async def test_what_is_logged(caplog):
    caplog.set_level("DEBUG", logger="xinference_magics")
    secrets = "sk-secret", "Who is Ada?", "Authorization", "Bearer"
    scripts = Reply(body=recorded.whole({"content": "An answer"}))
    with ScriptedServer(scripts) as server:
        model(server).invoke(secrets[1])
        await model(server).ainvoke(secrets[1])
        ids = [body["request_id"] for body in server.bodies]
    lines = [record.getMessage() for record in caplog.records]
    calls = [line for line in lines if "of tiny" in line]
    for line, key in zip(calls, ids, strict=True):
        assert line.startswith("POST /v1/chat/completions of tiny: 200 in 0.")
        assert line.endswith(f"s, request {key}")
    assert sum(line.startswith("POST /v1/chat/completions: 200 in 0.") for line in lines) == 2
    assert not [each for each in (*secrets, "An answer") if each in caplog.text]


@pytest.mark.parametrize(
    ("script", "original"),
    [
        (Reply(body="{nonsense"), "MalformedError: invalid JSON: JSONDecodeError"),
        (Reply(body={"error": "it failed"}), "EventError: it failed"),
        (Reply(body=recorded.whole({"content": 5})), "MalformedError: content is a int"),
    ],
)
async def test_translated_errors_are_logged_with_their_traceback(caplog, script, original):
    caplog.set_level("DEBUG", logger="xinference_magics")
    with ScriptedServer(script) as server:
        for error in await errors_of(model(server), streams=False):
            assert original not in str(error)
    found = [each for each in caplog.records if each.exc_info]
    shown = ["".join(traceback.format_exception(*each.exc_info)) for each in found]
    assert len(shown) == 2
    assert all(original in each and "Traceback" in each for each in shown)
    assert all(each.levelno == logging.DEBUG for each in found)
    assert "sk-secret" not in caplog.text


def test_nothing_is_logged_unless_asked_for(capsys):
    with ScriptedServer(Reply(500, {"detail": "no"})) as server, pytest.raises(ServerError):
        model(server).invoke("x")
    assert capsys.readouterr() == ("", "")
    # pytest adds handlers to a logger that did not propagate, as while the extension was loaded.
    handlers = logging.getLogger("xinference_magics").handlers
    ours = [each for each in handlers if not type(each).__module__.startswith("_pytest")]
    assert [type(each) for each in ours] == [logging.NullHandler]


@pytest.mark.parametrize("key", ["sk-secret\nmore-secret", "sk-secrét-☃", "sk-secret"])
async def test_no_key_and_no_proxy_s_password_is_logged(caplog, monkeypatch, closed_port, key):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("http_proxy", f"http://user:hush@127.0.0.1:{closed_port}")
    llm = ChatXinference("http://xinference.invalid", "tiny", api_key=key)
    with pytest.raises(XinferenceError):
        llm.invoke("x")
    with pytest.raises(XinferenceError):
        await llm.ainvoke("x")
    assert "POST /v1/chat/completions" in caplog.text
    assert not [each for each in ("secret", "secrét", "hush") if each in caplog.text]
