"""What reaches the model from a cell: values, earlier cells, attachments, and what fits."""

from ast import literal_eval


def test_tables_and_sources_are_inserted(chatting):
    chatting.run(
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})\ndef f(x):\n    return x + 1"
    )
    shown = chatting.run("%%chat --show-prompt\nAbout {{frame}} and {{f}} and {{In[1]}}")
    assert "DataFrame of 2 rows and 1 column:\n,a\n0,1\n1,2\n" in shown.stdout
    assert "def f(x):\n    return x + 1" in shown.stdout
    assert "'load_ext', 'xinference_magics'" in shown.stdout
    assert "tokens for tiny-gguf." in shown.stdout
    assert not shown.displays


def test_earlier_cells_are_sent_with_their_outputs(chatting):
    chatting.run("x = 20")
    chatting.run("print('printed')\nx + 1")
    chatting.run("x / 0")
    shown = chatting.run("%%chat --show-prompt --context 2\nWhat happened?").stdout
    assert "x = 20" not in shown
    assert "```python\nprint('printed')\nx + 1\n```\nOut [" in shown
    assert "printed\n21" in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert "\x1b[" not in shown
    by_number = chatting.run("%%chat --show-prompt --cells 1,3\nWhat?").stdout
    assert "In [1]:" in by_number
    assert "x = 20" in by_number
    assert "There is no cell 99" in chatting.run("%%chat --cells 99\nWhat?").error
    assert "ZeroDivisionError" in chatting.run("%%chat --show-prompt\n{{Err[5]}}").stdout


def test_fix_sends_the_last_error_and_its_cell(chatting):
    assert "no cell of this session has failed" in chatting.run("%chat --fix").error
    chatting.run("undefined_name + 1")
    shown = chatting.run("%chat --fix --show-prompt").stdout
    assert "undefined_name + 1" in shown
    assert "NameError" in shown
    assert "Explain the error, and show how to fix it." in shown


def test_files_are_attached_as_text(chatting, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("the secret word is banana")
    shown = chatting.run(f"%chat --show-prompt --file {path} What is it?").stdout
    assert "File notes.txt:\nthe secret word is banana" in shown
    assert "cannot be read" in chatting.run(f"%chat --file {tmp_path}/absent.txt What?").error
    path.write_text("das Wort ist Banane, süß", "utf-16")
    shown = chatting.run(f"%chat --show-prompt --file {path} Was?").stdout
    assert "File notes.txt:\ndas Wort ist Banane, süß" in shown
    path.write_text("das Wort ist Banane, süß", "cp1252")
    assert "it may be cp1252" in chatting.run(f"%chat --file {path} Was?").error
    (tmp_path / "data.bin").write_bytes(b"\xff\xfe\x00")
    assert "is not a text file" in chatting.run(f"%chat --file {tmp_path}/data.bin What?").error


def test_a_pdf_becomes_text(chatting, tmp_path):
    chatting.run(
        "from matplotlib.figure import Figure\nfigure = Figure()\n"
        f"figure.text(0.1, 0.5, 'hello from a page')\nfigure.savefig({str(tmp_path / 'a.pdf')!r})"
    )
    shown = chatting.run(f"%chat --show-prompt --file {tmp_path}/a.pdf What?").stdout
    assert "hello from a page" in shown


def test_a_picture_for_a_model_that_cannot_see_is_refused_before_it_is_sent(chatting):
    chatting.run("import numpy as np\nred = np.full((20, 20, 3), [255, 0, 0], np.uint8)")
    reply = chatting.run("%%chat\nWhat color is {{red}}?")
    assert "tiny-gguf does not accept image." in reply.error
    assert not reply.displays
    assert "[user]" not in reply.stdout
    shown = chatting.run("%chat --image red --image nothere What?")
    assert "--image: name 'nothere' is not defined" in shown.error


def test_single_braces_are_text_with_a_hint_once(chatting):
    chatting.run("country = 'France'")
    first = chatting.run("%chat --once Hello {country}")
    assert "{country} was sent as is; {{country}} inserts the variable's value." in first.stdout
    assert "was sent as is" not in chatting.run("%chat --once Hello {country}").stdout


def test_the_oldest_turns_make_room(chatting):
    chatting.run("%chat Hello")
    chatting.run("%%conversation edit 1 --prompt\n" + "word " * 40_000)
    reply = chatting.run("%chat My name is Alice.")
    assert reply.stdout == "Note: Left out the oldest turn: the context of tiny-gguf is full.\n"
    compared = chatting.run(
        "%chat --show-prompt --compare tiny-gguf,tiny-pt What is my name?"
    ).stdout
    assert compared.count("Note: Left out the oldest turn: the context of tiny-") == 2
    chatting.run("long = 'word ' * 10_000")
    assert "The prompt has about" in chatting.run("%chat {{long}} {{long}} {{long}} {{long}}").error


def test_a_prompt_arrives_byte_for_byte(chatting):
    text = "{a} $b \\frac{1}{2} {'x': {'y': 1}} 100% #no ~ `c` \t end"
    chatting.run(f"%%chat --once -o turn\n{text}")
    assert chatting.value(f"turn.prompt == {text!r}") == "True"


def test_an_answer_is_inserted_as_its_text(chatting):
    chatting.run("%chat --once -o answer Hello")
    chatting.run("%chat --once --bg -o pending Hello")
    said = literal_eval(chatting.value("answer.text"))
    number = chatting.value("next(key for key, value in Out.items() if value is answer)")
    for value in ("answer", f"Out[{number}]", "answer.message", "pending"):
        shown = chatting.run(f"%chat --show-prompt Shorten: {{{{{value}}}}}").stdout
        assert f"[human]\nShorten: {said}\n" in shown
