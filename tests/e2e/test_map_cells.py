"""`%%map` in a real kernel, with the tiny model on a real server."""

import json

import pytest

SUMS = """
import pandas as pd
%config XinferenceMagics.max_tokens = 48
sums = pd.DataFrame({"a": range(10), "b": [2, 3] * 5}, index=range(50, 60))
"""
PERSON = """
from pydantic import BaseModel
class Person(BaseModel):
    \"\"\"A person.\"\"\"
    name: str
    age: int
people = [{"n": "Alice", "x": 30}, {"n": "Bob", "x": 25}]
"""
ASK = "What is {{a}} + {{b}}?"


@pytest.fixture
def mapping(chatting):
    assert chatting.run(SUMS).status == "ok"
    return chatting


def test_a_frame_gets_its_answers(mapping):
    reply = mapping.run(f"%%map sums[sums.a < 8] -o done --concurrency 2\n{ASK}", cell_id="a")
    assert reply.status == "ok", reply.error
    expected = [f"{a} + {b} = {a + b}." for a, b in zip(range(8), [2, 3] * 4, strict=True)]
    assert mapping.value(f"[*done.answer] == {expected}") == "True"
    assert mapping.value("[*done.index]") == str([*range(50, 58)])
    assert mapping.value("done.error.isna().all()") == "np.True_"
    [shown] = [each for each in reply.displays if "text/html" in each]
    assert "<table" in shown["text/html"]
    assert "7 + 3 = 10." in shown["text/plain"]
    assert "8 rows · " in shown["text/plain"]
    assert "2 at once" in shown["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" not in shown

    # Of more rows, only what is missing is asked.
    again = mapping.run(f"%%map sums -o done\n{ASK}", cell_id="a")
    assert "first 10 of 10 rows" not in again.displays[-1]["text/plain"]
    assert "8 from the answer store" in again.displays[-1]["text/plain"]
    assert mapping.value("(_.progress.stored, _.failed, _.usage['output_tokens'] > 0)") == (
        "(8, [], True)"
    )
    assert "3 + 3 = 6." in mapping.run("%xinference answers '3 + 3'").displays[-1]["text/plain"]
    assert (
        "Removed 1 stored answer."
        in mapping.run("%xinference answers '3 + 3' --clear --yes").stdout
    )
    assert "9 answers" in mapping.run("%xinference answers").displays[-1]["text/plain"]


def test_a_schemas_fields_are_typed_columns(mapping):
    mapping.run(PERSON)
    cell = "%%map people -o found --schema Person\nExtract the person: {{n}} is {{x}} years old."
    reply = mapping.run(cell)
    assert reply.status == "ok", reply.error
    assert mapping.value("found[1]") == str(
        {"n": "Bob", "x": 25, "name": "Bob", "age": 25, "error": None}
    )
    assert (
        "Extract the person: Alice is 30 years old."
        in mapping.run(cell.replace("--schema", "--show-prompt --schema")).stdout
    )


def test_rows_see_their_columns_before_the_variables(mapping):
    mapping.run("a = 'nobody'; c = 3")
    reply = mapping.run(
        "%%map [{'a': 1}, {'b': 1}] -o out --max-tokens 20\n"
        "What is {{a if a != 'nobody' else row['b'] + 1}} + {{c}}?"
    )
    assert reply.status == "ok", reply.error
    assert mapping.value("[row['answer'] for row in out]") == "['1 + 3 = 4.', '2 + 3 = 5.']"
    failing = mapping.run("%%map [1, 0] -o out\nWhat is {{4 // row}} + {{1}}?")
    assert failing.status == "ok"
    assert mapping.value("out[0]['answer']") == "'4 + 1 = 5.'"
    assert "ZeroDivisionError" in mapping.value("out[1]['error']")
    assert "1 failed" in failing.displays[-1]["text/plain"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%map sums\nWhat is {{aa}}?", "name 'aa' is not defined."),
        ("%%map sums\nWhat is it?", "Every row would get the same prompt. {{a}} inserts a column."),
        ("%%map sums --limt 3\n{{a}}", "no option --limt; did you mean --limit?"),
        ("%%map -o done\n{{a}}", "the data is missing: %%map DATA -o NAME"),
        ("%%map nothing\n{{a}}", "%%map DATA: name 'nothing' is not defined."),
        ("%%map nothing.csv\n{{a}}", "There is no file nothing.csv."),
        ("%%map 7\n{{a}}", "A value of type int has no rows."),
        ("%%map sums --limit 1 --sample 1\n{{a}}", "--limit and --sample cannot be combined"),
        ("%%map sums -m nobody\n{{a}}", "No model with the UID nobody is running"),
        ("%%map sums.assign(answer=1)\n{{a}}", "--prefix my_ names the new one my_answer."),
        ("%%map sums --retry-failed\n{{a}}", "no earlier run in this kernel"),
        ("%%map sums --concurrency few\n{{a}}", "'few' is neither a number above 0 nor auto"),
        ("%%map sums -p temperatur=1\n{{a}}", "temperature"),
    ],
)
def test_mistakes_are_said_in_one_line_before_anything_is_sent(mapping, cell, said):
    assert said in mapping.run(cell, cell_id="x").failure


def test_an_interrupt_loses_no_answer(mapping, tmp_path):
    numbers = "{'a': [*range(10)] * 4, 'b': [b for b in range(4) for _ in range(10)]}"
    mapping.run(f"more = pd.DataFrame({numbers})")
    cell = f"%%map more -o done --concurrency 1\n{ASK}"
    message = mapping.send(cell, cell_id="i")
    reply = mapping.collect(message, until=lambda reply: reply.displays)
    mapping.manager.interrupt_kernel()
    reply = mapping.collect(message, reply=reply)
    assert "KeyboardInterrupt" in reply.error
    assert "run the cell again, and only the rest is asked" in reply.stdout
    answered = int(mapping.value("int(done.answer.notna().sum())"))
    assert mapping.value("int((done.error == 'not reached').sum())") == str(40 - answered)
    again = mapping.run(cell, cell_id="i")
    assert again.status == "ok"
    assert int(mapping.value("_.progress.stored")) >= answered
    assert mapping.value("done.error.isna().all()") == "np.True_"


def test_files_background_and_unwatched_runs(mapping, tmp_path):
    source, out = tmp_path / "sums.csv", tmp_path / "done.jsonl"
    source.write_text("a,b\n1,2\n2,2\n")
    reply = mapping.run(f"%%map {source} -o {out}\n{ASK}", allow_stdin=False)
    assert reply.status == "ok", reply.error
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows == [
        {"a": "1", "b": "2", "answer": "1 + 2 = 3.", "error": None},
        {"a": "2", "b": "2", "answer": "2 + 2 = 4.", "error": None},
    ]
    assert "2 rows" in reply.settled["text/plain"]
    reply = mapping.run(f"%%map '{source}' --bg -o later\n{ASK}")
    assert reply.status == "ok", reply.error
    assert mapping.value("later.wait().frame.answer[1]") == "'2 + 2 = 4.'"


def test_models_side_by_side(mapping, tiny_chat):
    pair = f"{tiny_chat.gguf},{tiny_chat.pt}"
    reply = mapping.run(f"%%map sums --limit 3 --compare {pair} -o both -t 0\n{ASK}")
    assert reply.status == "ok", reply.error
    columns = ["a", "b", *(f"{n}_{uid}" for uid in pair.split(",") for n in ("answer", "error"))]
    assert mapping.value(f"[*both.columns] == {columns}") == "True"
    answers = ["0 + 2 = 2.", "1 + 3 = 4.", "2 + 2 = 4."]
    assert mapping.value(f"[*both['answer_{tiny_chat.pt}']] == {answers}") == "True"
