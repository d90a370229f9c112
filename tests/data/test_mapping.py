"""A prompt over data: every row gets its answer or its error, and no answer is lost."""

import asyncio
import json
import pickle
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pyarrow as pa
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel
from rows_server import DESCRIPTION, RowsServer, answered

from xinference_magics import RowMapper, XinferenceEmbeddings, map_rows
from xinference_magics.errors import (
    AuthenticationError,
    ConnectError,
    ModelNotFoundError,
    NotebookError,
    PromptError,
)
from xinference_magics.notes import collected_notes

ASK = "Say {{n}}."


def rows(count):
    return pd.DataFrame({"n": range(count)}, index=range(100, 100 + count))


def said(prompt, _times):
    return f"said: {prompt}"


def test_each_row_is_asked_once_and_never_again(store, model):
    with RowsServer(said) as server:
        data = pd.concat([rows(20), rows(5)])
        run = map_rows(model(server, temperature=0), data, ASK, store=store).wait()
        assert list(run.frame["answer"]) == [f"said: Say {n}." for n in [*range(20), *range(5)]]
        assert list(run.frame.index) == list(data.index)
        assert run.frame["error"].isna().all()
        assert sorted(server.asked) == sorted(f"Say {n}." for n in range(20))
        assert run.usage == {"input_tokens": 60, "output_tokens": 40, "total_tokens": 100}
        assert (run.failed, run.progress.repeated) == ([], 5)

        # Whatever its UID and wherever it is in the data, what was answered is found.
        again = map_rows(model(server, "other", temperature=0), rows(20)[::-1], ASK, store=store)
        assert next(iter(again.frame["answer"])) == "said: Say 19."
        assert (len(server.asked), again.progress.stored) == (20, 20)

        # Whatever decides the answer is asked afresh.
        llm = model(server, temperature=0)
        for ask in (
            lambda: map_rows(llm, rows(1), "Tell {{n}}.", store=store),
            lambda: map_rows(llm.bind(temperature=1), rows(1), ASK, store=store),
            lambda: map_rows(llm, rows(1), ASK, store=store, system="Be brief."),
            lambda: map_rows(llm, rows(1), ASK, store=store, fresh=True),
            lambda: map_rows(llm, rows(1), ASK, store=None),
        ):
            before = len(server.asked)
            assert ask().wait().failed == []
            assert len(server.asked) == before + 1
        server.description = {**DESCRIPTION, "quantization": "q4_k_m"}
        map_rows(llm, rows(1), ASK, store=store).wait()
        assert len(server.asked) == before + 2
    # Without the server, what is stored is found, too.
    assert map_rows(llm, rows(1), ASK, store=store).wait().progress.stored == 1


def test_a_bad_row_is_one_error(store, model, hasty):
    def answer(prompt, times):
        if prompt == "Say 7.":
            return 500, {"detail": "The chat completion request failed."}
        if prompt == "Say 8.":
            return 400, {"detail": "maximum context length is 8 tokens, however you asked for 9"}
        if prompt == "Say 9.":
            return answered("half", "length")
        return said(prompt, times)

    with RowsServer(answer) as server:
        run = map_rows(model(server), rows(200), ASK, store=store).wait()
        assert [number for number, _ in run.failed] == [7, 8]
        assert "The chat completion request failed" in run.frame["error"][107]
        assert "maximum context length" in run.frame["error"][108]
        assert pd.isna(run.frame["answer"][107])
        assert run.frame["answer"][110] == "said: Say 10."
        assert run.progress.cut == 1
        assert (server.asked.count("Say 7."), server.asked.count("Say 8.")) == (4, 1)

        # Only answers are stored: the failed rows are asked again, and nothing else.
        server.answer = said
        retried = run.retry_failed().wait()
        assert server.asked[-2:] in (["Say 7.", "Say 8."], ["Say 8.", "Say 7."])
        assert retried.failed == []
        assert list(retried.frame["answer"])[6:9] == [f"said: Say {n}." for n in (6, 7, 8)]
        assert len(server.asked) == 200 + 3 + 2


def test_a_crowded_server_gets_fewer_requests(store, model, hasty):
    with RowsServer(said, delay=0.005, slots=3) as server:
        run = map_rows(model(server), rows(60), ASK, store=store).wait()
        assert run.failed == []
        assert len(server.asked) == 60
        assert run.progress.at_once < 8
        assert run.progress.retried

    def busy(prompt, times):
        if times == 0 and prompt == "Say 3.":
            return 503, {"detail": "busy"}, {"Retry-After": "1"}
        return said(prompt, times)

    with RowsServer(busy) as server:
        began = time.monotonic()
        run = map_rows(model(server), rows(12), ASK, store=store, fresh=True, max_concurrency=1)
        assert run.wait().failed == []
        assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("status", "detail", "kind"),
    [
        (401, "Could not validate credentials", AuthenticationError),
        (404, "Model not found in the model list, uid: tiny", ModelNotFoundError),
        (429, "Too many failed attempts. IP temporarily banned.", None),
    ],
)
def test_what_every_row_would_get_stops_the_run(store, model, status, detail, kind):
    def answer(prompt, times):
        return said(prompt, times) if int(prompt[4:-1]) < 10 else (status, {"detail": detail})

    with RowsServer(answer) as server:
        run = map_rows(model(server), rows(500), ASK, store=store, max_concurrency=4)
        with pytest.raises(kind or Exception):
            run.wait()
        assert len(server.asked) <= 18
        frame = run.frame
        assert list(frame["answer"])[:10] == [f"said: Say {n}." for n in range(10)]
        assert set(frame["error"][10:]) == {"not reached"}
    assert store.count() == 10


def test_no_server_is_said_at_once(model, closed_port):
    gone = type("Gone", (), {"endpoint": f"http://127.0.0.1:{closed_port}"})
    with pytest.raises(ConnectError, match=r"refused"):
        map_rows(model(gone), rows(3), ASK, store=None).wait()


def test_a_lost_server_is_waited_out(store, model, hasty):
    with RowsServer(said, delay=0.01) as server:
        run = map_rows(model(server), rows(40), ASK, store=store, max_concurrency=2)
        for _ in zip(range(10), run.as_completed(), strict=False):
            pass
        gone = 500, {"detail": "Remote server unixsocket closed: 0 bytes"}
        server.answer = lambda _, times: gone if times < 2 else "late"
        assert run.wait().failed == []
        assert "late" in set(run.frame["answer"])


def test_another_model_under_the_same_uid_ends_the_run(store, model, hasty):
    def relaunched(prompt, times):
        if prompt == "Say 5." and times == 0:
            server.description = {**DESCRIPTION, "quantization": "q2_k"}
            return 500, {"detail": "Connect call failed ('127.0.0.1', 1)"}
        return said(prompt, times)

    with RowsServer(relaunched) as server:
        run = map_rows(model(server), rows(20), ASK, store=store, max_concurrency=1)
        with pytest.raises(NotebookError, match="tiny is another model now"):
            run.wait()
        assert store.count() == 5


def test_rows_arrive_as_they_are_done(store, model):
    with RowsServer(said, delay=0.01) as server:
        run = map_rows(model(server), [{"n": 1}, {"n": 2}, {"m": 3}], ASK, store=store)
        got = dict(run.as_completed())
        assert (got[0], got[1]) == ("said: Say 1.", "said: Say 2.")
        assert isinstance(got[2], PromptError)
        assert "the row has no 'n'" in run.frame[2]["error"]

        async def inside():
            other = map_rows(model(server), rows(3), "Tell {{n}}.", store=store)
            heard = {number: value async for number, value in other.as_completed()}
            assert heard[2] == "said: Tell 2."
            return await map_rows(model(server), rows(3), "Tell {{n}}.", store=store)

        assert asyncio.run(inside()).progress.stored == 3


def test_a_stopped_run_keeps_what_was_answered(store, model):
    with RowsServer(said, delay=0.02) as server:
        run = map_rows(model(server), rows(1000), ASK, store=store, max_concurrency=4)
        for number, _ in enumerate(run.as_completed()):
            if number == 20:
                run.stop()
                break
        run.wait(10)
        frame = run.frame
        answers = frame["answer"].notna().sum()
        assert 20 < answers < 60
        assert (frame["error"] == "not reached").sum() == 1000 - answers
        assert store.count() == answers
        assert "stopped" in repr(run)
        asked = len(server.asked)
        rest = map_rows(model(server), rows(100), ASK, store=store).wait()
        assert rest.progress.stored == min(answers, 100)
        assert len(server.asked) <= asked + 100 - answers + 4  # those that were on their way


KILLED = """
import sys
sys.path[:0] = {path!r}
from xinference_magics import ChatXinference, map_rows
llm = ChatXinference({endpoint!r}, "tiny", api_key="")
data = [{{"n": n}} for n in range(300)]
run = map_rows(llm, data, "Say {{{{n}}}}.", store={store!r}, max_concurrency=8)
for number, _ in run.as_completed():
    print(number, flush=True)
"""


def test_a_killed_process_loses_no_finished_row(store, model, run_python):
    with RowsServer(said, delay=0.01) as server:
        code = KILLED.format(path=[], endpoint=server.endpoint, store=str(store.path))
        finished = set()
        for kill_after in (5, 80):
            process = run_python(code)
            for line in process.stdout:
                finished.add(int(line))
                if len(finished) >= kill_after:
                    process.send_signal(signal.SIGKILL)
                    break
            finished |= {int(line) for line in process.stdout if line.endswith("\n")}
            process.wait()
        asked = len(server.asked)
        run = map_rows(model(server), [{"n": n} for n in range(300)], ASK, store=store).wait()
        assert run.failed == []
        assert run.progress.stored >= len(finished)
        assert len(server.asked) == asked + 300 - run.progress.stored
        assert len(server.asked) <= 300 + 2 * 8


class Verdict(BaseModel):
    """How it was."""

    good: bool
    stars: int
    why: str | None = None


def test_the_fields_of_a_schema_are_columns(store, model):
    def answer(prompt, times):
        if prompt == "Say 1." and times == 0:
            return '{"good": "perhaps"}'
        return '{"good": true, "stars": 4}'

    with RowsServer(answer) as server:
        llm = model(server, engine="llama.cpp")
        run = map_rows(llm, rows(3), ASK, Verdict, store=store).wait()
        frame = run.frame
        assert list(frame.columns) == ["n", "good", "stars", "why", "error"]
        assert str(frame["stars"].dtype) == "Int64"
        assert "does not match the schema" in frame["error"][101]
        assert run.results.value(0) == Verdict(good=True, stars=4)
        server._times.clear()
        assert map_rows(llm, rows(3), ASK, Verdict, store=store, retries=1).wait().failed == []
        asked = len(server.asked)
        found = dict(map_rows(llm, rows(3), ASK, Verdict, store=store, retries=1).as_completed())
        assert len(server.asked) == asked
        assert found[2] == Verdict(good=True, stars=4)
    with pytest.raises(NotebookError, match=r"already has a column 'good'.* prefix='my_'"):
        map_rows(llm, [{"good": 1}], "{{good}}", Verdict)
    run = map_rows(llm, [{"good": 1}], "{{good}}", Verdict, prefix="my_", store=store)
    with pytest.raises(ConnectError):
        run.wait()
    assert list(run.frame[0]) == ["good", "my_good", "my_stars", "my_why", "my_error"]


def test_callbacks_and_caches_still_hear_of_each_call(store, model):
    heard = []

    class Handler(BaseCallbackHandler):
        def on_llm_end(self, *_args, **_kwargs):
            heard.append(1)

    with RowsServer(said) as server:
        llm = model(server, callbacks=[Handler()], cache=InMemoryCache())
        map_rows(llm, rows(3), ASK, store=None).wait()
        assert len(heard) == 3
        map_rows(llm, rows(3), ASK, store=None).wait()
        assert len(server.asked) == 3


def test_other_runnables(store, model):
    with RowsServer(said) as server:
        chain = ChatPromptTemplate.from_template("Say {n}.") | model(server)
        run = map_rows(chain, rows(3), dict, store=store).wait()
        assert list(run.frame["answer"])[2] == "said: Say 2."
        assert map_rows(chain, rows(3), dict, store=store).wait().progress.stored == 3
        asked = len(server.asked)

        calls = []
        counting = RunnableLambda(lambda text: calls.append(text) or {"chars": len(text)})
        with collected_notes() as notes:
            run = map_rows(counting, rows(2), ASK, store=store).wait()
        assert list(run.frame["answer"]) == [{"chars": 6}, {"chars": 6}]
        assert "store_key=NAME" in notes[0]
        for _ in range(2):
            map_rows(counting, rows(2), ASK, store=store, store_key="count").wait()
        assert len(calls) == 4
        assert len(server.asked) == asked
    with pytest.raises(NotebookError, match="A value of type int cannot be asked"):
        map_rows(3, rows(1), ASK)
    with pytest.raises(NotebookError, match="a schema needs one"):
        map_rows(counting, rows(1), ASK, Verdict)


def test_embeddings_go_in_batches(store):
    def embed(texts, _times):
        data = [{"index": n, "embedding": [float(len(t)), 0.5]} for n, t in enumerate(texts)]
        return {"object": "list", "data": data, "usage": {}}

    with RowsServer(embed) as server:
        embeddings = XinferenceEmbeddings(server.endpoint, "e", api_key="", batch_size=8)
        run = map_rows(embeddings, rows(20), ASK, store=store).wait()
        assert list(run.frame["answer"])[11] == [7.0, 0.5]
        assert [len(body["input"]) for body in server.bodies] == [8, 8, 4]
        assert map_rows(embeddings, rows(20), ASK, store=store).wait().progress.stored == 20


def test_a_generator_goes_to_a_file_in_order(store, model, tmp_path):
    read = []

    def generator():
        for number in range(3000):
            read.append(number)
            yield {"n": number}

    out = tmp_path / "out.jsonl"
    with RowsServer(said) as server:
        run = map_rows(model(server), generator(), ASK, store=store, out=out, limit=600)
        assert run.wait().frame == out
        assert len(read) == 600
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert lines[500] == {"n": 500, "answer": "said: Say 500.", "error": None}
        assert [line["n"] for line in lines] == list(range(600))
        assert run.results == {}
        parquet = tmp_path / "out.parquet"
        map_rows(model(server), out, "Say {{n}}.", store=store, out=parquet, prefix="x_").wait()
        assert len(server.asked) == 600
        assert pd.read_parquet(parquet)["x_answer"][7] == "said: Say 7."


def test_what_cannot_be_asked_is_said_before_anything_is_sent(model):
    with RowsServer(said) as server:
        llm = model(server)
        with pytest.raises(PromptError, match=r"no column 'm'. Did you mean n|no column 'm'"):
            map_rows(llm, rows(3), "{{m}}")
        with pytest.raises(PromptError, match="is not a prompt"):
            map_rows(llm, rows(3), 3)
        with pytest.raises(NotebookError, match="max_concurrency must be"):
            map_rows(llm, rows(3), ASK, max_concurrency=0)
        assert map_rows(llm, ["{{row}}"], r"\{{n}} {{row}} {n}", store=None).frame == [
            {"row": "{{row}}", "answer": "said: {{n}} {{row}} {n}", "error": None}
        ]
        assert server.asked == ["{{n}} {{row}} {n}"]


def test_a_mapper_works_on_batches_anywhere(store, model):
    with RowsServer(said) as server:
        llm = model(server, timeout=9.0)
        llm.api_key = "secret-key"
        mapper = RowMapper(llm, ASK, store=str(store.path))
        sent = pickle.dumps(mapper)
        assert b"secret-key" not in sent
        assert llm.api_key.get_secret_value() == "secret-key"
        copy = pickle.loads(sent)  # noqa: S301
        assert copy({"n": [1, 2]})["answer"] == ["said: Say 1.", "said: Say 2."]
        assert copy(pa.table({"n": [3]}))["answer"].to_pylist() == ["said: Say 3."]
        assert list(copy(rows(2))["answer"]) == ["said: Say 0.", "said: Say 1."]

        async def inside():
            return mapper({"n": [4]})["answer"]

        assert asyncio.run(inside()) == ["said: Say 4."]
        with ThreadPoolExecutor(3) as pool:
            results = list(pool.map(copy, [{"n": [n]} for n in range(6)]))
        assert results[5]["answer"] == ["said: Say 5."]
        assert sorted(server.asked) == sorted({f"Say {n}." for n in range(6)})
