"""Remedies by reader: a script gets Python terms, a cell gets a line to type."""

import ast
import inspect
import pickle
import re
import string
from pathlib import Path

import pytest
from loaded_shell import loaded_shell
from scripted_server import Reply, ScriptedServer

import xinference_magics
from xinference_magics import ChatXinference
from xinference_magics.errors import ConnectError, ModelNotFoundError, XinferenceError
from xinference_magics.notebook.commands import COMMANDS, conversing
from xinference_magics.notebook.remedies import LINES, as_line
from xinference_magics.remedies import Advice, Arguments, Remedy

ROOT = Path(inspect.getfile(xinference_magics)).parent
BELOW = [path for path in sorted(ROOT.rglob("*.py")) if path.parts[len(ROOT.parts)] != "notebook"]
FLAGS = {
    flag
    for commands in (COMMANDS, conversing.COMMANDS)
    for name in commands
    for option in commands[name].options
    for flag in option.flags
    if flag.startswith("-")
}
MAGIC = re.compile(r"(?<![\w%])%{1,2}(xinference|x?chat|generate|conversation|env|pip|config)\b")
WORD = re.compile(r"(?<!\S)--?[\w-]+")
OF_OTHERS = {
    "local_server/keeper.py": {"-p"},
    "local_server/memory.py": {"-c"},
    "local_server/starting.py": {"-m"},
}
"""The options of `xinference-local` and of Python, which these modules start."""


def literals(path):
    """Yield a module's string literals, except docstrings and the strings below constants."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(getattr(node, "value", None), str) and id(node) not in documentation:
            yield node.lineno, node.value


def magics_words(text):
    return MAGIC.findall(text) + [each for each in WORD.findall(text) if each in FLAGS]


def test_magics_are_recognized():
    assert {"--max-tokens", "-n", "--worker-ip"} <= FLAGS
    assert all(magics_words(line) for line in ("%xinference list", "Lower --max-tokens.", "-t LLM"))
    assert not magics_words("50 % of xinference-local -- or a-b")


@pytest.mark.parametrize("path", BELOW, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_below_the_notebook_mentions_its_magics(path):
    allowed = OF_OTHERS.get(str(path.relative_to(ROOT)), set())
    found = [(line, each) for line, each in literals(path) if {*magics_words(each)} - allowed]
    assert not found


def fields(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("remedy", Remedy)
def test_each_remedy_has_text_for_both_readers(remedy):
    names = fields(remedy.value) | fields(LINES[remedy]) - {"of_type"}
    values = dict.fromkeys(names, "x")
    if "arguments" in names:
        values["arguments"] = Arguments(model_name="a", quantization="b")
    if "field" in names:
        values["field"] = "quantization"
    advice = remedy(**values)
    assert not magics_words(advice.in_python())
    assert "{" not in advice.in_python() + as_line(advice)


def test_a_script_and_a_cell_get_different_text(closed_port):
    llm = ChatXinference(f"http://127.0.0.1:{closed_port}", "tiny")
    with pytest.raises(ConnectError) as caught:
        llm.invoke("x")
    error = caught.value
    assert error.remedy is Remedy.START_OR_CONNECT
    assert str(error) == (
        f"http://127.0.0.1:{closed_port} refused the connection: no server is running there. "
        "Start `xinference-local`, or pass server_url=... to connect elsewhere."
    )
    with loaded_shell():
        assert error.hint.startswith("%xinference serve starts a local server")
        assert error.remedy is Remedy.START_OR_CONNECT
    assert "server_url" in error.hint


def test_an_error_with_a_remedy_can_be_sent_to_another_process():
    error = XinferenceError("It failed.", hint=Remedy.CANCEL(uid="my model"))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert (str(again), again.remedy) == (str(error), Remedy.CANCEL)
    assert as_line(Advice(Remedy.CANCEL, {"uid": "my model"})) == (
        '%xinference cancel "my model" stops the launch.'
    )
    again.hint = "Try again."
    assert (again.hint, again.remedy) == ("Try again.", None)


def test_a_missing_model():
    missing = Reply(404, {"detail": "Model not found in the model list, uid: tiny"})
    with ScriptedServer(missing) as server, pytest.raises(ModelNotFoundError) as caught:
        ChatXinference(server.endpoint, "tiny").invoke("x")
    assert "Cluster(server_url).models()" in caught.value.hint


def test_how_a_launch_is_typed():
    given = Arguments(model_name="a", model_format="ggufv2", model_size_in_billions="7")
    advice = Remedy.LAUNCH_SIMILAR(names="a", arguments=given)
    assert as_line(advice) == "Similar models: a. %xinference launch -n a -f ggufv2 -s 7"
    assert as_line(Remedy.PARAMETER(field="model_engine")) == "-en"
    assert as_line(Remedy.UNREGISTER(name="a", model_type="rerank")) == (
        "%xinference unregister -n a -t rerank removes it; or choose another name."
    )
