"""`%%chat` in a real kernel, against a real server with the tiny model on both engines."""

import time

import pytest

from xinference_magics.chat.turn import RECORD_MIME, Turn

CAPITAL = "Where can we visit in the capital of France?"
ENGINES = ("tiny-gguf", "tiny-pt")


@pytest.fixture(params=ENGINES)
def uid(request, tiny_chat):
    return request.param


def settled(reply):
    """The mime bundle that stays in the notebook."""
    assert reply.status == "ok", reply.error
    [bundle] = reply.displays
    return bundle


def test_the_answer_settles_into_plain_output(kernel, uid):
    bundle = settled(kernel.run(f"%%chat -m {uid} -t 0\n{CAPITAL}"))
    assert "Eiffel Tower" in bundle["text/plain"]
    assert "Eiffel Tower" in bundle["text/html"]
    assert "Eiffel Tower" in bundle["text/markdown"]
    assert not [mime for mime in bundle if "widget" in mime]
    turn = Turn.from_record(bundle[RECORD_MIME])
    assert turn.prompt == CAPITAL
    assert turn.model_uid == uid
    assert turn.finish_reason == "stop"
    assert turn.usage["output_tokens"] > 5
    assert turn.parameters["temperature"] == 0


def test_the_turn_is_a_value_and_not_shown_twice(kernel, uid):
    kernel.run(f"%xinference use {uid}")
    shown = kernel.run(f"%chat -t 0 {CAPITAL}")
    assert len(shown.displays) == 1
    kernel.run("kept = _")
    assert "Eiffel" in kernel.value("kept.text")
    assert kernel.run(f"answer = %chat -t 0 {CAPITAL}").status == "ok"
    assert "Eiffel" in kernel.value("answer.text")
    assert "Eiffel" in kernel.run("answer").displays[0]["text/html"]
    assert kernel.run(f"%%chat -t 0 -o kept\n{CAPITAL}").status == "ok"
    assert "Eiffel" in kernel.value("kept.text")
    assert "output_tokens" in kernel.value("kept.usage")


def test_turns_form_a_conversation_and_a_rerun_replaces_its_own(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    kernel.run("%%chat -t 0\nMy name is Alice.", cell_id="one")
    name = settled(kernel.run("%%chat -t 0\nWhat is my name?", cell_id="two"))
    assert "Your name is Alice." in name["text/plain"]
    kernel.run("%%chat -t 0\nMy name is Bob.", cell_id="one")
    name = settled(kernel.run("%%chat -t 0\nWhat is my name?", cell_id="two"))
    assert "Your name is Bob." in name["text/plain"]


def test_an_answer_cut_by_max_tokens_says_so(kernel, uid):
    bundle = settled(kernel.run(f"%%chat -m {uid} -t 0 --max-tokens 5\nCount from 1 to 300."))
    assert "max_tokens" in bundle["text/plain"]
    assert Turn.from_record(bundle[RECORD_MIME]).cut


def test_magics_work_inside_functions(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    kernel.run(
        "def asked(country):\n    answer = %chat -t 0 Where can we visit in the capital of "
        "{{country}}?\n    return answer.text"
    )
    assert "Eiffel" in kernel.value("asked('France')")


def test_questions_apostrophes_and_braces_arrive(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf\nx = 1")
    for prompt in ("What's new?", "does this end?", "{x} and $x", "trailing # comment"):
        kernel.run(f"turn = %chat -t 0 {prompt}")
        assert kernel.value("turn.prompt") in (repr(prompt), repr(prompt).replace("'", '"'))


def test_an_interrupt_keeps_the_text_and_stops_run_all(kernel, tiny_chat):
    kernel.run("%xinference use tiny-pt")
    sent = kernel.send("%%chat -t 0\nCount from 1 to 300.")
    kernel.collect(sent, until=lambda reply: bool(reply.displays))
    time.sleep(0.8)
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert reply.status == "error"
    assert reply.error.startswith("KeyboardInterrupt")
    assert "Traceback" not in reply.stdout
    turns = "get_ipython().find_line_magic('chat').__self__.session.conversation.turns"
    assert kernel.value(f"{turns}[-1].status") == "'interrupted'"
    assert "1 2 3" in kernel.value(f"{turns}[-1].text")
    assert kernel.value("1 + 1") == "2"
