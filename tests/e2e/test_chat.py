"""`%%chat` in a real kernel, against a real server with the tiny model on both engines."""

import pytest
from kernel_driver import CONVERSATION

from xinference_magics.chat.turn import RECORD_MIME, Turn

CAPITAL = "Where can we visit in the capital of France?"
ENGINES = ("tiny-gguf", "tiny-pt")


@pytest.fixture(params=ENGINES)
def uid(request, tiny_chat):
    return request.param


def test_the_answer_settles_into_plain_output(kernel, uid):
    bundle = kernel.run(f"%%chat -m {uid} -t 0\n{CAPITAL}").settled
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
    name = kernel.run("%%chat -t 0\nWhat is my name?", cell_id="two").settled
    assert "Your name is Alice." in name["text/plain"]
    kernel.run("%%chat -t 0\nMy name is Bob.", cell_id="one")
    name = kernel.run("%%chat -t 0\nWhat is my name?", cell_id="two").settled
    assert "Your name is Bob." in name["text/plain"]


def test_an_answer_cut_by_max_tokens_says_so(kernel, uid):
    bundle = kernel.run(f"%%chat -m {uid} -t 0 --max-tokens 5\nCount from 1 to 300.").settled
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


def test_an_interrupt_keeps_the_text_and_stops_run_all(kernel, slow_endpoint):
    kernel.run(f"%xinference connect {slow_endpoint}\n%xinference use tiny-pt")
    sent = kernel.send("%%chat -t 0\nCount from 1 to 300.")
    kernel.collect(sent, until=lambda reply: "1 2 3" in reply.streamed())
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert reply.status == "error"
    assert reply.error.startswith("KeyboardInterrupt")
    assert "Traceback" not in reply.stdout
    assert kernel.value(f"{CONVERSATION}.turns[-1].status") == "'interrupted'"
    assert "1 2 3" in kernel.value(f"{CONVERSATION}.turns[-1].text")
    assert kernel.value("1 + 1") == "2"


def test_turns_of_deleted_cells_are_removed_whichever_cell_runs_next(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    kernel.run("%chat -t 0 My name is Bob.", cell_id="a")
    kernel.run("1", cell_id="z", deleted=["a"])
    kernel.run("1", cell_id="y")
    assert kernel.value(f"len({CONVERSATION}.turns)") == "0"


def test_a_nested_cell_belongs_to_the_outer_one(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    for _ in range(2):
        kernel.run("%%capture\n%chat -t 0 Hello!", cell_id="q")
        kernel.run("get_ipython().run_cell('pass')\nt = %chat -t 0 Hello!", cell_id="r")
    assert kernel.value(f"len({CONVERSATION}.turns)") == "2"


def test_an_earlier_turn_of_the_same_cell_is_not_shown_again(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    reply = kernel.run("a = %chat -t 0 Hello!\nb = %chat -t 0 Thanks!\na")
    assert len(reply.displays) == 2


def test_new_begins_a_conversation_only_when_it_is_answered(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    kernel.run("%chat -t 0 Hello!", cell_id="a")
    assert kernel.run("%chat --new -m nothing hi", cell_id="b").status == "error"
    assert kernel.value(f"len({CONVERSATION}.turns)") == "1"
    kernel.run("%chat --new -t 0 Hello!", cell_id="b")
    kernel.run("%chat -t 0 Thanks!", cell_id="c")
    kernel.run("%chat --new -t 0 Hello!", cell_id="b")
    assert kernel.value(f"[t.prompt for t in {CONVERSATION}.turns]") == "['Hello!', 'Thanks!']"


def test_traits_apply_to_the_model_in_use(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    kernel.run("%config XinferenceMagics.temperature = 0")
    kernel.run("%config XinferenceMagics.max_tokens = 3")
    kernel.run("turn = %chat Count from 1 to 300.")
    assert kernel.value("turn.parameters") == "{'max_tokens': 3, 'temperature': 0.0}"
    assert kernel.value("turn.cut") == "True"
    kernel.run("%config XinferenceMagics.temperature = 7")
    kernel.run("%config XinferenceMagics.name = 'my model'")
    traits = "get_ipython().find_line_magic('chat').__self__"
    assert kernel.value(f"{traits}.temperature, {traits}.name") == "(0.0, 'llm')"


def test_the_object_stays_ours_after_a_reload(kernel, tiny_chat):
    kernel.run("%xinference use tiny-gguf")
    kernel.run("%reload_ext xinference_magics")
    assert "Ready: llm" in kernel.run("%xinference use tiny-pt").stdout
    assert kernel.value("llm.model_uid") == "'tiny-pt'"
