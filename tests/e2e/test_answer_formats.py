"""Answers in a real kernel: their format, their thinking, and where they are stored."""

import pytest


def html(reply):
    assert reply.status == "ok", reply.error
    return reply.displays[-1]["text/html"]


@pytest.mark.parametrize(
    ("form", "prompt", "shown"),
    [
        ("text", "Show me some Markdown.", "# A sample of Markdown"),
        ("json", "List three fruits as JSON in a code block.", '"banana"</span>'),
        ("html", "Show me HTML with a script.", '<iframe sandbox=""'),
        ("math", "Give me the integral of x squared as LaTeX.", "$$\\int x^2"),
    ],
)
def test_an_answer_is_shown_in_the_requested_format(chatting, form, prompt, shown):
    shown_html = html(chatting.run(f"%chat -f {form} {prompt}"))
    assert shown in shown_html.replace("$$\n", "$$")
    assert "<script" not in shown_html


def test_code_goes_into_the_next_cell_and_does_not_run(chatting):
    reply = chatting.run("%chat -f code Write Python code that prints hello.")
    assert html(reply)
    [payload] = reply.payload
    assert (payload["source"], payload["text"]) == ("set_next_input", 'print("hello")')
    assert "hello\n" not in reply.stdout


def test_a_wrong_format_names_the_right_ones(chatting):
    assert "did you mean markdown?" in chatting.run("%chat -f markdwn Hello").error


def test_a_cell_is_assigned_with_ipython_s_own_syntax(chatting):
    assert html(chatting.run("%%chat kept << \nHello"))
    assert chatting.value("type(kept).__name__") == "'Turn'"
    assert "unexpected" in chatting.run("%%chat kept <\nHello").error


def test_thinking_is_requested_by_the_cell(chatting):
    uid = "thinking"
    launched = chatting.run(
        f"%xinference launch -n tiny-think -u {uid} -f ggufv2 --disable-virtual-env", timeout=120
    )
    assert launched.status == "ok", launched.error
    try:
        reply = chatting.run("turn = %chat --think What is 12 * 12?")
        assert "Thought for" in html(reply)
        assert len(chatting.value("turn.reasoning")) > 10
        assert float(chatting.value("turn.reasoning_seconds")) > 0
        assert chatting.value("'<think>' in turn.text") == "False"
        chatting.run("turn = %chat --no-think What is 12 * 12?")
        assert chatting.value("turn.reasoning") == "''"
    finally:
        chatting.run(f"%xinference terminate {uid}")
