"""The answer store: nothing stored is lost, whatever happens to the file."""

import pickle
import sqlite3
import stat
import sys

import pytest
from faults.test_full_disk import full_disk

from xinference_magics.data import store as stores
from xinference_magics.data import store_file
from xinference_magics.data.store import AnswerStore, Stored, default_path
from xinference_magics.errors import NotebookError
from xinference_magics.notes import collected_notes


def stored(number, answer="yes", size=0):
    return Stored(bytes([number]) * 32, "tiny", f"Prompt {number}", answer + "x" * size)


def test_answers_are_found_counted_and_removed(store):
    assert store.get([b"0" * 32]) == {}
    assert store.put([stored(1), stored(2, "no")])
    assert store.put([stored(1, "maybe")])  # asked afresh: the newer answer counts
    assert store.get([stored(1).key, stored(2).key, b"?"]) == {
        stored(1).key: "maybe",
        stored(2).key: "no",
    }
    assert store.count() == 2
    assert [each.prompt for each in store.search("PROMPT 2")] == ["Prompt 2"]
    assert store.clear("maybe") == 1
    assert store.count() == 1
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    with sqlite3.connect(store.path) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    opened.close()
    with pickle.loads(pickle.dumps(store)) as copy:  # noqa: S301
        assert copy.count() == 1


def test_the_users_own_store_is_in_the_data_folder(tmp_path, monkeypatch):
    assert default_path() == tmp_path / "state" / "answers.sqlite"
    monkeypatch.delenv("XINFERENCE_MAGICS_STATE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if sys.platform == "linux":
        assert default_path() == tmp_path / "data" / "xinference-magics" / "answers.sqlite"


WRITER = """
import sys
from xinference_magics.data.store import AnswerStore, Stored
sys.stdin.readline()
with AnswerStore(sys.argv[1] if len(sys.argv) > 1 else {path!r}) as store:
    for number in range(200):
        key = b"%d-%d" % ({place}, number)
        assert store.put([Stored(key, "m", "p", "a")])
"""


def test_several_kernels_write_at_once(store, run_python):
    processes = [run_python(WRITER.format(path=str(store.path), place=n)) for n in range(2)]
    for each in processes:  # they create the file at the same moment, too
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.wait(60) for each in processes] == [0, 0]
    assert store.count() == 400


def test_a_corrupt_file_is_set_aside_and_said_once(store):
    store.put([stored(1)])
    store.close()
    content = b"This is no database." * 500
    store.path.write_bytes(content)
    with collected_notes() as notes:
        assert store.get([stored(1).key]) == {}
        assert store.put([stored(2)])
        assert list(store.get([stored(2).key])) == [stored(2).key]
    [note] = notes
    assert "is corrupt: it was renamed to answers.sqlite.broken-" in note
    [aside] = store.path.parent.glob("*.broken-*")
    assert aside.read_bytes() == content


def test_a_full_disk_loses_nothing_and_is_said_once(store):
    store.put([stored(1)])
    with collected_notes() as notes, full_disk(left=store.path.stat().st_size + 512):
        assert not store.put([stored(2, size=500_000)])
        assert not store.put([stored(3, size=500_000)])
        assert list(store.get([stored(1).key])) == [stored(1).key]
    [note] = notes
    assert str(store.path) in note
    assert note.endswith("New answers are not stored.")
    assert store.put([stored(2)])
    assert store.count() == 2


def test_a_file_that_can_only_be_read_still_gives_its_answers(store, monkeypatch):
    store.put([stored(1)])
    store.close()
    real = store_file.opened

    def read_only(path):
        opened = real(path)
        opened.execute("PRAGMA query_only=1")
        return opened

    monkeypatch.setattr(store_file, "opened", read_only)
    with collected_notes() as notes:
        assert list(store.get([stored(1).key])) == [stored(1).key]
        assert not store.put([stored(2)])
    [note] = notes
    assert "readonly" in note


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    store = AnswerStore(tmp_path / "file" / "more" / "answers.sqlite")
    with collected_notes() as notes:
        assert not store.put([stored(1)])
    assert "Not a directory" in notes[0]
    with pytest.raises(NotebookError, match="cannot be used: Not a directory"):
        store.count()


def test_a_file_of_a_later_version_is_left_alone(store):
    store.put([stored(1)])
    store.close()
    with sqlite3.connect(store.path) as opened:
        opened.execute("PRAGMA user_version=99")
    opened.close()
    before = store.path.read_bytes()
    with collected_notes() as notes:
        assert not store.put([stored(2)])
    assert "written by a later version of xinference-magics" in notes[0]
    store.close()
    assert store.path.read_bytes() == before


def test_the_oldest_answers_go_when_the_store_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_CHECKED_BYTES", 100_000)
    with AnswerStore(tmp_path / "small.sqlite", max_bytes=1_000_000) as store:
        with collected_notes() as notes:
            for number in range(15):
                store.put([stored(number, size=100_000)])
        assert "reached 0.001 GB" in notes[0]
        left = [each.prompt for each in store.search()]
    assert left[0] == "Prompt 14"
    assert "Prompt 0" not in left
    assert 5 <= len(left) <= 10


def test_a_rollback_journal_on_a_network(store, monkeypatch):
    monkeypatch.setattr(
        store_file, "_mounts", lambda: iter([("/", "ext4"), (str(store.path.parent), "nfs4")])
    )
    assert store.put([stored(1)])
    store.close()
    with sqlite3.connect(store.path) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    opened.close()


def test_a_file_that_is_removed_is_made_again(store):
    store.put([stored(1)])
    for each in store.path.parent.glob("answers.sqlite*"):
        each.unlink()
    assert store.put([stored(2)])
    store.close()
    assert store.count() == 1


def test_a_models_description_is_remembered(store):
    assert store.describe("http://a", "tiny") is None
    store.remember("http://a", "tiny", {"model_name": "x"})
    store.remember("http://a", "tiny", {"model_name": "y"})
    assert store.describe("http://a", "tiny") == {"model_name": "y"}
