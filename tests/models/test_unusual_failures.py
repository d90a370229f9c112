"""Failures that servers report in unusual forms, with the status of success."""

import json
import re

import pytest
import recorded
from langchain_core.documents import Document
from scripted_server import Reply, ScriptedServer

from xinference_magics import (
    ChatXinference,
    XinferenceEmbeddings,
    XinferenceLLM,
    XinferenceRerank,
)
from xinference_magics.errors import InternalServerError

UNUSUAL = {
    'data: {"code": 500, "message": "boom9"}\n\ndata: [DONE]\n\n': "answering: boom9",
    'data: {"why": "boom9"}\nevent: error\n\n': 'answering: {"why": "boom9"}',
    "event: error\ndata:\n\n": "answering; the server gives no reason.",
    "event: error\ndata: [DONE]\n\n": "answering; the server gives no reason.",
}


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("sent", UNUSUAL)
async def test_a_failure_in_an_unusual_form_does_not_pass_as_an_answer(sent, begun):
    first = f"data: {json.dumps(recorded.chunk({'content': 'Hi'}))}\n\n" if begun else ""
    stream = Reply(body=first + sent, headers={"Content-Type": "text/event-stream"})
    with ScriptedServer(stream) as server:
        for kind in (ChatXinference, XinferenceLLM):
            model = kind(server.endpoint, "tiny")
            with pytest.raises(InternalServerError, match=re.escape(UNUSUAL[sent])):
                list(model.stream("x"))
            with pytest.raises(InternalServerError, match=re.escape(UNUSUAL[sent])):
                [each async for each in model.astream("x")]


def test_the_message_of_an_error_that_has_the_status_of_success():
    with ScriptedServer(Reply(body={"code": 500, "message": "boom9"})) as server:
        at = server.endpoint, "tiny"
        for ask in (
            lambda: ChatXinference(*at).invoke("x"),
            lambda: XinferenceLLM(*at).invoke("x"),
            lambda: XinferenceEmbeddings(*at).embed_query("x"),
            lambda: XinferenceRerank(*at).compress_documents([Document("a")], "x"),
        ):
            with pytest.raises(InternalServerError, match="tiny failed while answering: boom9"):
                ask()
