"""Secrets are planted everywhere they may come from, and looked for everywhere else."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from kernel_driver import FRAMES, environment
from test_accounts import PASSWORD, USER, Secured

from xinference_magics.auth.login import Login

WATCH = """
import json, logging, io, pickle, sys, traceback
log = io.StringIO()
logging.basicConfig(level=logging.DEBUG, stream=log, force=True)
import http.client
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
class Trace(BaseCallbackHandler):
    seen = []
    def on_chat_model_start(self, *given, **named):
        self.seen.append(repr((given, named)))
    def on_llm_end(self, *given, **named):
        self.seen.append(repr((given, named)))
    def on_llm_error(self, *given, **named):
        self.seen.append(repr((given, named)))
"""
USE = """
trace, traced = Trace(), RunCollectorCallbackHandler()
answer = llm.invoke("Hello!", {"callbacks": [trace, traced]}, max_tokens=2)
bound = llm.bind_tools([]).with_config(tags=["x"])
[each async for each in bound.astream("Hello!", {"callbacks": [trace, traced]}, max_tokens=2)]
from xinference_magics import XinferenceEmbeddings, XinferenceLLM, XinferenceRerank
siblings = [
    kind(llm.server_url, llm.model_uid)
    for kind in (XinferenceEmbeddings, XinferenceLLM, XinferenceRerank)
]
"""
FAIL = """
try:
    llm.model_copy(update={"model_uid": "nothing"}).invoke("Hello!", {"callbacks": [trace]})
except Exception as caught:
    failed = caught
"""
FAIL_IN_MINE = """
try:
    await llm.model_copy(update={"model_uid": "nothing"}).ainvoke("Hello!")
except Exception as caught:
    raise RuntimeError("mine") from caught
"""
KEEP = """
import os
folder = os.environ["XINFERENCE_MAGICS_STATE"] + "-kept"
os.makedirs(folder)
%notebook {folder}/kept.ipynb
%save -f {folder}/kept.py 1-99
%history -f {folder}/kept.txt
"""
KEPT = """
magics = get_ipython().find_line_magic("chat").__self__
session = magics.session
def everything():
    yield from (repr(In), repr(Out), repr(list(get_ipython().history_manager.get_tail(999))))
    yield from (repr(llm), str(llm), repr(vars(llm)), repr(llm.lc_attributes))
    yield from (json.dumps(dumpd(llm)), json.dumps(dumpd(bound)), repr(bound))
    yield from (repr(pickle.dumps(llm)), repr(llm.model_copy()), repr(llm._get_ls_params()))
    yield from (repr(llm.model_dump()), llm.model_dump_json())
    yield from (repr(session), repr(vars(session)), repr(session.connector.get_or_connect()))
    yield repr(session.connection())
    for each in siblings:
        yield from (repr(each), repr(vars(each)), each.model_dump_json(), dumps(each))
        yield from (repr(pickle.dumps(each)), repr(each.model_copy()))
    yield from (repr(vars(run)) for run in traced.traced_runs)
    assert len(traced.traced_runs) == 2
    yield from (repr(Trace.seen), log.getvalue(), repr(sys.argv))
    yield from frames(failed)
    yield "".join(traceback.format_exception(failed))
    turns = session.conversations.current.turns
    yield repr(turns) + json.dumps([turn.to_record() for turn in turns])
"\\n".join(everything())
"""


@pytest.fixture(scope="module")
def secured(start_server, tmp_path_factory):
    """A server with an account, and a user's folders."""
    made = Secured(start_server(XINFERENCE_AUTH_ADVANCED="1"), tmp_path_factory.mktemp("user"))
    account = {"setup_token": made.setup_token, "username": USER, "password": PASSWORD}
    url = f"{made.endpoint}/v1/admin/setup"
    requests.post(url, json=account, timeout=120).raise_for_status()
    yield made
    made.end()


def used(kernel, tiny_definitions=None):
    """Do everything with a kernel, with definitions also a launch; return all output and state."""
    shown = [kernel.run(WATCH)]
    if tiny_definitions:
        shown.append(kernel.run("%xinference login", answers=[USER, "wrong-" + PASSWORD]))
        shown.append(kernel.run("%tb\n%xmode Verbose\n%tb\n%xmode Context"))
        shown.append(kernel.run("%xinference login", answers=[USER, PASSWORD]))
        definition = json.dumps(tiny_definitions[0])
        shown.append(kernel.run(f"%%xinference register\n{definition}"))
        command = "%xinference launch -n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env"
        shown.append(kernel.run(command, timeout=300))
    codes = (
        *("%xinference", "%xinference status", "%xinference list", "%xinference use tiny-chat"),
        *("%%chat -t 0 --max-tokens 4\nHello!", "%chat --new -m nothing hi", USE, FAIL),
        *("%xinference launch -n tiny-chat --dry-run", "%xinference logs tiny-chat", "llm"),
        *("%config XinferenceMagics", "%xmode Verbose\n%tb", FAIL_IN_MINE, "%tb"),
        *("%history", "%who", "%whos", KEEP),
    )
    shown += map(kernel.run, codes)
    kept = kernel.run(FRAMES + KEPT)
    assert kept.status == "ok", kept
    assert "Hello" in repr(kept), "nothing was searched"
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    lines = [each.cmdline() for each in processes if each.status() != psutil.STATUS_ZOMBIE]
    return repr([shown, kept, lines])


def leaks(planted, text):
    return [name for name, secret in planted.items() if secret in text]


def test_secrets_appear_nowhere(secured, tiny_definitions, monkeypatch):
    key = secured.admin("POST", "/v1/admin/keys", {"name": "notebook"})["key"]
    kernel = secured.kernel()
    said = used(kernel, tiny_definitions)
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(secured.state / "magics"))
    login = Login(secured.endpoint)
    planted = {
        "password": PASSWORD,
        "setup token": secured.setup_token,
        "key": key,
        "access token": login(),
        "refresh token": login.kept.refresh,
    }
    assert all(planted.values())
    assert not leaks(planted, said)
    file = Path(login._file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    keyed = secured.kernel(
        XINFERENCE_API_KEY=key, XINFERENCE_MAGICS_STATE=str(secured.state / "keyed")
    )
    assert not leaks(planted, used(keyed))
    kernel.run("%xinference terminate tiny-chat")
    kernel.close()
    keyed.close()
    assert len([*secured.state.rglob("kept.*")]) == 6
    for path in secured.state.rglob("*"):
        if path.is_file() and path != file:
            found = leaks(planted, path.read_bytes().decode("latin-1"))
            assert not found, path


def test_a_saved_notebook_holds_no_secret(secured):
    """Runs the notebook with nbclient and saves it with its outputs."""
    key = secured.admin("POST", "/v1/admin/keys", {"name": "saved"})["key"]
    code = f"""
import nbformat
from nbclient import NotebookClient
cells = ["%load_ext xinference_magics", "%xinference status", "%xinference list", "%xinference"]
made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
NotebookClient(made, timeout=240).execute()
nbformat.write(made, {str(secured.state / "saved.ipynb")!r})
"""
    own = {"XINFERENCE_ENDPOINT": secured.endpoint, "XINFERENCE_API_KEY": key}
    run = [sys.executable, "-c", code]
    subprocess.run(run, env=environment(secured.state / "saved", **own), check=True)
    saved = (secured.state / "saved.ipynb").read_text()
    assert "XINFERENCE_API_KEY" in saved
    assert key not in saved
