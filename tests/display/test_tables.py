"""Tables for pages and terminals."""

from xinference_magics.display.tables import Column, Table

COLUMNS = [
    Column("UID", lambda row: row[0]),
    Column("context", lambda row: row[1]),
    Column("ready", lambda row: row[2]),
]


def test_text_is_left_aligned_and_numbers_right_aligned():
    table = Table([("qwen", 32768, True), ("模型", None, False)], COLUMNS, caption="2 models")
    assert repr(table).splitlines() == [
        "UID   context  ready",
        "qwen   32,768  yes",
        "模型        –  no",
        "2 models",
    ]


def test_an_optional_value_leaves_a_gap_in_rows_without_it():
    columns = [COLUMNS[0], Column("note", lambda row: row[1], optional=True)]
    table = Table([("qwen", "new"), ("llama", None)], columns)
    assert table.text.splitlines() == ["UID    note", "qwen   new", "llama"]
    assert "–" not in table.html
    assert "note" not in Table([("llama", None)], columns).text


def test_names_are_not_broken_at_their_dashes():
    named = Table([("qwen2.5-vl-instruct", 1, "many words")], COLUMNS).html
    assert 'text-align:left;white-space:nowrap">qwen2.5-vl-instruct<' in named
    assert 'text-align:left">many words<' in named
    assert "left;white-space" not in Table([("x" * 200, 1, "")], COLUMNS).html
    whole = [COLUMNS[1], Column("model", lambda row: row[0], whole=True)]
    assert 'nowrap">tiny-chat<' in Table([("tiny-chat", 1)], whole).html


def test_html_escapes_everything_that_comes_from_a_server():
    html = Table([("<img src=x>", 1, "&")], COLUMNS, caption="<b>")._repr_mimebundle_()["text/html"]
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;img src=x&gt;" in html
    assert "text-align:right" in html


def test_text_has_no_control_characters_and_one_line_per_row():
    text = Table([("\x1b[31mred\nline", 1, "x" * 200)], COLUMNS).text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2
    assert max(map(len, text.splitlines())) < 120


def test_an_empty_table_says_so():
    table = Table([], COLUMNS, empty="No model is running.")
    assert repr(table) == "No model is running."
    assert "No model is running." in table._repr_mimebundle_()["text/html"]
