"""Secrets are planted everywhere they may come from, and looked for everywhere else."""

import json
import os
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from kernel_driver import Kernel

from xinference_magics.transport.login import Login, sign_in

USER = "admin"
PASSWORD = f"planted-{secrets.token_hex(8)}"
WATCH = """
import json, logging, io, pickle, sys, traceback
log = io.StringIO()
logging.basicConfig(level=logging.DEBUG, stream=log, force=True)
import http.client
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd
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
trace = Trace()
answer = llm.invoke("Hello!", {"callbacks": [trace]}, max_tokens=2)
bound = llm.bind_tools([]).with_config(tags=["x"])
[each async for each in bound.astream("Hello!", {"callbacks": [trace]}, max_tokens=2)]
"""
FAIL = """
try:
    llm.model_copy(update={"model_uid": "nothing"}).invoke("Hello!", {"callbacks": [trace]})
except Exception as caught:
    failed = caught
"""
KEPT = """
def frames(error):
    while error is not None:
        yield repr(error) + repr(vars(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "/xinference_magics/" in frame.f_code.co_filename:
                yield repr(dict(frame.f_locals))
        error = error.__cause__ or error.__context__
magics = get_ipython().find_line_magic("chat").__self__
session = magics.session
def everything():
    yield from (repr(In), repr(Out), repr(list(get_ipython().history_manager.get_tail(999))))
    yield from (repr(llm), str(llm), repr(vars(llm)), repr(llm.lc_attributes))
    yield from (json.dumps(dumpd(llm)), json.dumps(dumpd(bound)), repr(bound))
    yield from (repr(pickle.dumps(llm)), repr(llm.model_copy()), repr(llm._get_ls_params()))
    yield from (repr(llm.model_dump()), llm.model_dump_json())
    yield from (repr(session), repr(vars(session)), repr(session.cluster()))
    yield repr(session.connection())
    yield from (repr(Trace.seen), log.getvalue(), repr(sys.argv))
    yield from frames(failed)
    yield "".join(traceback.format_exception(failed))
    turns = session.conversations.current.turns
    yield repr(turns) + json.dumps([turn.to_record() for turn in turns])
"\\n".join(everything())
"""


class Place:
    """A server with authentication on, and a user's folders."""

    def __init__(self, server, folder):
        self.endpoint, self.home, self.folder = server.endpoint, server.home, folder
        self.kernels = []

    def set_up(self):
        log = (self.home / "output.log").read_text()
        token = log.partition("Setup token: ")[2].split()[0]
        account = {"setup_token": token, "username": USER, "password": PASSWORD}
        requests.post(f"{self.endpoint}/v1/admin/setup", json=account, timeout=30)
        return token

    def admin(self, path, body):
        token = sign_in(self.endpoint, USER, PASSWORD).access
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(self.endpoint + path, json=body, headers=headers, timeout=30).json()

    def kernel(self, **environment):
        made = Kernel(
            {
                **os.environ,
                "XINFERENCE_ENDPOINT": self.endpoint,
                "XINFERENCE_MAGICS_STATE": str(self.folder / "state"),
                "XINFERENCE_HOME": str(self.folder / "home"),
                "IPYTHONDIR": str(self.folder / "ipython"),
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                **environment,
            }
        )
        self.kernels.append(made)
        assert made.run("%load_ext xinference_magics").status == "ok"
        return made


@pytest.fixture(scope="module")
def place(start_server, tmp_path_factory):
    made = Place(start_server(XINFERENCE_AUTH_ADVANCED="1"), tmp_path_factory.mktemp("user"))
    made.setup_token = made.set_up()
    yield made
    for kernel in made.kernels:
        kernel.close()


def used(kernel, planted, *, launch, tiny_definitions):
    """Do everything with a kernel; return all that it shows and keeps."""
    shown = [kernel.run(WATCH)]
    if launch:
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
        *("%config XinferenceMagics", "%xmode Verbose\n%tb", "%history", "%who", "%whos"),
    )
    shown += map(kernel.run, codes)
    kept = kernel.run(KEPT)
    assert kept.status == "ok", kept
    assert "Hello" in repr(kept), "nothing was searched"
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    lines = [each.cmdline() for each in processes if each.status() != psutil.STATUS_ZOMBIE]
    return repr([shown, kept, lines])


def leaks(planted, text):
    return [name for name, secret in planted.items() if secret in text]


def test_secrets_are_nowhere(place, tiny_definitions):
    key = place.admin("/v1/admin/keys", {"name": "notebook"})["key"]
    planted = {"password": PASSWORD, "setup token": place.setup_token, "key": key}

    kernel = place.kernel()
    said = used(kernel, planted, launch=True, tiny_definitions=tiny_definitions)
    os.environ["XINFERENCE_MAGICS_STATE"], before = (
        str(place.folder / "state"),
        os.environ.get("XINFERENCE_MAGICS_STATE"),
    )
    try:
        login = Login(place.endpoint)
        planted |= {"access token": login(), "refresh token": login.kept.refresh}
        file = Path(login._file)
    finally:
        os.environ.pop("XINFERENCE_MAGICS_STATE")
        if before is not None:
            os.environ["XINFERENCE_MAGICS_STATE"] = before
    assert all(planted.values())
    assert not leaks(planted, said)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    keyed = place.kernel(
        XINFERENCE_API_KEY=key, XINFERENCE_MAGICS_STATE=str(place.folder / "keyed")
    )
    assert not leaks(planted, used(keyed, planted, launch=False, tiny_definitions=None))
    kernel.run("%xinference terminate tiny-chat")
    kernel.close()
    keyed.close()
    for path in place.folder.rglob("*"):
        if path.is_file() and path != file:
            found = leaks(planted, path.read_bytes().decode("latin-1"))
            assert not found, path


def test_a_notebook_that_is_saved_holds_no_secret(place):
    """An execution by nbclient, saved with its outputs."""
    key = place.admin("/v1/admin/keys", {"name": "saved"})["key"]
    code = f"""
import nbformat, os
from nbclient import NotebookClient
cells = ["%load_ext xinference_magics", "%xinference status", "%xinference list", "%xinference"]
made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
NotebookClient(made, timeout=60).execute()
nbformat.write(made, {str(place.folder / "saved.ipynb")!r})
"""
    environment = {
        **os.environ,
        "XINFERENCE_ENDPOINT": place.endpoint,
        "XINFERENCE_API_KEY": key,
        "XINFERENCE_MAGICS_STATE": str(place.folder / "saved-state"),
        "IPYTHONDIR": str(place.folder / "ipython"),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    saved = (place.folder / "saved.ipynb").read_text()
    assert "XINFERENCE_API_KEY" in saved
    assert key not in saved
