"""`%%chat --compare` in a real kernel: two engines of a real server answer at the same time."""

import re

import nbformat
import pytest
from kernel_driver import CONVERSATION, Kernel
from nbclient import NotebookClient
from terminal_driver import terminal

from xinference_magics.chat.comparison import COMPARISON_MIME

CAPITAL = "Where can we visit in the capital of France?"
BOTH = "--compare tiny-gguf,tiny-pt"
TURNS = f"{CONVERSATION}.turns"
KEPT = f"' '.join(each.model_uid for each in {TURNS})"


@pytest.fixture
def ready(kernel, tiny_chat):
    kernel.run("%config XinferenceMagics.temperature = 0.0")
    return kernel


def test_both_answer_and_settle_side_by_side(ready):
    reply = ready.run(f"both = %chat {BOTH} {CAPITAL}")
    bundle = reply.settled
    assert set(bundle) == {"text/html", "text/markdown", "text/plain", COMPARISON_MIME}
    for form in ("text/html", "text/markdown", "text/plain"):
        assert bundle[form].count("Eiffel Tower") == 2
        assert len(re.findall(r"\d+ tokens\b(?!/)", bundle[form])) == 2
    assert ready.value("type(both).__name__") == "'Comparison'"
    assert ready.value("[turn.model_uid for turn in both.turns]") == "['tiny-gguf', 'tiny-pt']"
    assert ready.value("[turn.status for turn in both]") == "['done', 'done']"
    assert ready.value("both['tiny-pt'].engine") == "'Transformers'"
    for column in (0, 1):
        frames = [
            each for each in reply.frames if each.get("column", 0) == column and "now" in each
        ]
        assert [each["n"] for each in frames] == list(range(1, len(frames) + 1))
        assert [each["over"] for each in frames if "over" in each] == [""]
    assert ready.run("both").displays[0]["text/html"].count("Eiffel Tower") == 2


def test_the_first_is_kept_until_another_is_and_a_rerun_starts_over(ready):
    ready.run("%chat -m tiny-gguf My name is Alice.", cell_id="a")
    compared = f"%%chat {BOTH}\nWhat is my name?"
    shown = ready.run(compared, cell_id="b").settled
    assert shown["text/plain"].count("Your name is Alice.") == 2
    ready.run("%chat -m tiny-gguf Thanks!", cell_id="c")
    assert ready.value(KEPT) == "'tiny-gguf tiny-gguf tiny-gguf'"
    kept = ready.run("%conversation keep tiny-pt", cell_id="d")
    assert kept.stdout == "Kept the answer of tiny-pt in default.\n"
    assert ready.value(KEPT) == "'tiny-gguf tiny-pt tiny-gguf'"
    ready.run(compared, cell_id="b")
    assert ready.value(KEPT) == "'tiny-gguf tiny-gguf tiny-gguf'"
    missing = ready.run("%conversation keep tiny-p")
    assert "tiny-p was not compared. Compared: tiny-gguf, tiny-pt." in missing.error


def test_a_later_cell_changes_the_saved_output_and_what_is_restored(
    kernel_env, in_kernel_env, tiny_chat, tmp_path
):
    sources = [
        "%load_ext xinference_magics",
        f"%%chat {BOTH} -t 0 -o both\nMy name is Alice.",
        "kept = both.keep('tiny-pt')",
        f"%%chat {BOTH} -t 0 --once\nHello!",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=180).execute()
    [output] = notebook.cells[1].outputs
    assert "continuing with tiny-pt" in output.data["text/html"]
    assert "widget" not in str(list(output.data))
    path = tmp_path / "compared.ipynb"
    nbformat.write(notebook, path)
    other = Kernel.loaded(kernel_env)
    try:
        restored = other.run(f"%conversation restore {path}")
        assert "Restored 1 turn from compared.ipynb" in restored.stdout
        assert "Not restored" not in restored.stdout
        assert other.value(KEPT) == "'tiny-pt'"
    finally:
        other.close()


def test_one_failure_leaves_the_others_and_only_all_fail_the_cell(ready):
    ready.run(
        "from langchain_core.runnables import RunnableLambda\n"
        "def fail(text):\n    raise ValueError('not today')\n"
        "broken, other = RunnableLambda(fail), RunnableLambda(fail)"
    )
    shown = ready.run(f"both = %chat --compare broken,tiny-gguf {CAPITAL}").settled
    assert "failed: not today" in shown["text/html"]
    assert "Eiffel Tower" in shown["text/html"]
    assert ready.value("both.kept_name") == "'tiny-gguf'"
    reply = ready.run("%chat --compare broken,other Hello!")
    assert reply.status == "error"
    assert "not today" in reply.error
    assert ready.value(f"len({TURNS})") == "1"


def test_a_model_is_compared_with_itself_and_answers_are_read_into_a_schema(ready):
    ready.run(
        "%xinference use tiny-gguf\n"
        "brief = llm.model_copy(update={'max_tokens': 3})\n"
        "long = llm.model_copy(update={'max_tokens': 300})"
    )
    shown = ready.run("two = %chat --once --compare brief,long Count from 1 to 20.").settled
    assert "brief (tiny-gguf)" in shown["text/html"]
    assert "outside any conversation" in shown["text/html"]
    assert ready.value("two['brief'].cut, two['long'].cut") == "(True, False)"
    assert "Ask again without --once." in ready.run("two.keep('long')").error
    ready.run("from dataclasses import dataclass\n@dataclass\nclass Person:\n"
              "    '''A person.'''\n    name: str\n    age: int")  # fmt: skip
    alice = "Extract the person: Alice is 30 years old."
    reply = ready.run(f"two = %chat --compare long,tiny-pt --schema Person {alice}")
    assert reply.status == "ok", reply.error
    assert ready.value("[turn.parsed.age for turn in two]") == "[30, 30]"


REFUSED = {
    f"{BOTH}x Hello": "Did you mean tiny-pt",
    f"{BOTH} -m tiny-pt Hello": "-m and --compare cannot be combined: name that model in --compare",
    f"{BOTH} --tools print --confirm Hello": "leave out --compare",
    "--compare tiny-pt Hello": "nothing to compare tiny-pt with: type a,b",
    f"{BOTH} Hello {{{{absent}}}}": "absent",
    f"{BOTH} -p nonsense=1 Hello": "nonsense",
    f"{BOTH},echo -t 0 Hello": "echo does not accept temperature. Set them on its model.",
}


def test_invalid_input_is_refused_before_anything_is_sent(ready):
    ready.run("from langchain_core.runnables import RunnableLambda\necho = RunnableLambda(str)")
    for typed, message in REFUSED.items():
        reply = ready.run(f"%chat {typed}")
        assert reply.status == "error", typed
        assert message in reply.error
        assert not reply.displays
    assert ready.value(f"len({TURNS})") == "0"


def test_an_interrupt_keeps_the_partial_answers(ready, slow_endpoint):
    ready.run(f"%xinference connect {slow_endpoint}")
    sent = ready.send(f"%%chat {BOTH} -o both\nCount from 1 to 300.")
    ready.collect(sent, until=lambda reply: reply.streamed() and reply.streamed(column=1))
    ready.manager.interrupt_kernel()
    reply = ready.collect(sent)
    assert reply.status == "error"
    assert "KeyboardInterrupt: The turn was interrupted; the partial answer was kept" in reply.error
    assert ready.value("[turn.status for turn in both]") == "['interrupted', 'interrupted']"
    assert ready.value("both['tiny-pt'].text[:1], both['tiny-gguf'].text[:1]") == "('1', '1')"
    assert ready.value(f"len({TURNS})") == "1"


def test_models_call_tools_one_at_a_time(ready):
    ready.run(
        "import threading\nbusy = threading.Lock()\n"
        "def get_weather(city: str) -> str:\n    'The weather in a city.'\n"
        "    with busy:\n        return '22 degrees and sunny'"
    )
    reply = ready.run(f"two = %chat {BOTH} --tools get_weather What is the weather in Paris?")
    assert reply.status == "ok", reply.error
    assert ready.value("[len(turn.steps) for turn in two]") == "[2, 2]"
    assert reply.displays[0]["text/plain"].count("[get_weather(") == 2


def test_a_terminal_prints_one_after_the_other(kernel_env, tiny_chat):
    with terminal(kernel_env) as ipython:
        ipython.run("%load_ext xinference_magics")
        ipython.run(
            f"%chat {BOTH} -t 0 Count from 1 to 20.",
            "── tiny-gguf ──",
            "18 19 20",
            "── tiny-pt ──",
            "18 19 20",
            r"✓ tiny-gguf · \d+ tokens",
            r"  tiny-pt · \d+ tokens",
            r"continuing with tiny-gguf \(%conversation keep tiny-pt to switch\)",
        )
        ipython.run("%conversation keep tiny-pt", "continuing with tiny-pt")
