"""`%conversation restore` says in one line whose answers are missing from the notebook."""

import json

import pytest


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([], ""),
        (["Hello"], 'Not restored: no answer is saved for "Hello".\n'),
        (
            [*"ABCDEFG"],
            'Not restored: no answer is saved for "A", "B", "C", "D", "E" and 2 more.\n',
        ),
    ],
)
def test_lost_answers_are_named_in_one_line(shell, tmp_path, capsys, prompts, said):
    cells = [
        {"cell_type": "code", "source": f"%%chat\n{prompt}", "outputs": []} for prompt in prompts
    ]
    path = tmp_path / "talk.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    shell.run_line_magic("conversation", f"restore {path}")
    restored = "Restored 0 turns from talk.ipynb, as it was last saved.\n"
    assert capsys.readouterr().out == restored + said
