"""`%conversation` in a real kernel, with the tiny model."""

import nbformat
from kernel_driver import Kernel

NAME = "What is my name?"


def plain(reply):
    assert reply.status == "ok", reply.error
    return reply.displays[-1]["text/plain"]


def test_named_conversations_are_separate(chatting):
    chatting.run("%chat My name is Alice.")
    assert "Alice" not in plain(chatting.run(f"%chat -c other {NAME}"))
    assert "Your name is Alice." in plain(chatting.run(f"%chat {NAME}"))
    listed = chatting.run("%conversation list")
    assert "default" in plain(listed)
    assert "other" in plain(listed)
    assert "Current: default." in plain(listed)
    chatting.run("%conversation use other")
    chatting.run("%chat My name is Bob.")
    assert "Your name is Bob." in plain(chatting.run(f"%chat {NAME}"))
    assert chatting.value("len(get_ipython().run_line_magic('conversation', 'list'))") == "2"


def test_once_is_outside_any_conversation(chatting):
    chatting.run("%chat My name is Alice.")
    assert "Alice" not in plain(chatting.run(f"%chat --once {NAME}"))
    shown = chatting.run("%conversation")
    assert "My name is Alice." in plain(shown)
    assert NAME not in plain(shown)


def test_turns_are_undone_dropped_edited_and_forked(chatting):
    chatting.run("%chat My name is Alice.")
    chatting.run("%conversation fork two")
    chatting.run("%%conversation edit 1 --prompt\nMy name is Bob.")
    chatting.run("%%conversation edit 1\nNice to meet you, Bob.")
    assert "Your name is Bob." in plain(chatting.run(f"%chat {NAME}"))
    assert "Your name is Alice." in plain(chatting.run(f"%chat -c default {NAME}"))
    assert "Dropped 1 turn." in chatting.run("%conversation undo").stdout
    assert "Dropped turn 1." in chatting.run("%conversation drop 1").stdout
    assert "No turns yet." in plain(chatting.run("%conversation show"))
    missing = chatting.run("%conversation drop 1")
    assert missing.status == "error"
    assert "There is no turn 1" in missing.error
    assert "did you mean undo?" in chatting.run("%conversation undu").error


def test_a_conversation_is_asked_from_code(chatting):
    chatting.run("c = %conversation use talk")
    assert "Alice" in chatting.value("c.ask('My name is Alice.').text")
    chatting.run(f"answer = await c.aask({NAME!r}, temperature=0)")
    assert chatting.value("answer.text") == "'Your name is Alice.'"
    assert chatting.value("[m.type for m in c.messages]") == "['human', 'ai', 'human', 'ai']"
    turn = chatting.value("(answer.model_uid, answer.engine, answer.server_version)")
    assert turn == "('tiny-gguf', 'llama.cpp', '4.1.0')"


def test_the_oldest_turns_make_room_in_code_too(chatting):
    chatting.run("c = %conversation use long\nc.ask('Hello')")
    chatting.run("c.edit(1, prompt='word ' * 40_000)")
    reply = chatting.run("turn = c.ask('My name is Alice.')")
    assert reply.status == "ok", reply.error
    assert "Left out the oldest turn" in reply.stdout


def test_provenance_is_in_the_turn(chatting):
    chatting.run("answer = %chat -p seed=3 Hello")
    assert chatting.value("answer.parameters['seed'], answer.server_version") == "(3, '4.1.0')"


def test_a_saved_conversation_is_loaded_elsewhere(chatting, kernel_env, tmp_path):
    chatting.run("%chat My name is Alice.")
    saved = chatting.run(f"%conversation save {tmp_path / 'talk.json'}")
    assert "Saved 1 turn to" in saved.stdout
    other = Kernel.loaded(kernel_env)
    try:
        other.run("%xinference use tiny-pt")
        loaded = other.run(f"%conversation load {tmp_path / 'talk.json'} --as talk")
        assert "Current: talk, 1 turn." in loaded.stdout
        assert "Alice" in plain(other.run(f"%chat -t 0 {NAME}"))
    finally:
        other.close()


def test_a_restart_of_the_kernel_loses_no_conversation(chatting, kernel_env, tmp_path):
    cells = {"a": "%%chat\nMy name is Alice.", "b": "%%chat\nHello"}
    notebook = nbformat.v4.new_notebook()
    for cell_id, source in cells.items():
        bundle = chatting.run(source, cell_id=cell_id).displays[-1]
        output = nbformat.v4.new_output("display_data", bundle)
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=cell_id, outputs=[output]))
    notebook.cells.append(nbformat.v4.new_code_cell("%%chat\nlost", id="c"))
    path = tmp_path / "talk.ipynb"
    nbformat.write(notebook, path)
    restarted = Kernel.loaded({**kernel_env, "JPY_SESSION_NAME": str(path)})
    try:
        restarted.run("%xinference use tiny-gguf")
        restored = restarted.run("%conversation restore")
        assert "Restored 2 turns from talk.ipynb, as it was last saved." in restored.stdout
        assert 'Not restored: no answer is saved for "lost".' in restored.stdout
        answer = restarted.run(f"%%chat -t 0\n{NAME}", cell_id="d")
        assert "Your name is Alice." in plain(answer)
        restarted.run("%%chat -t 0\nMy name is Bob.", cell_id="a")
        answer = restarted.run(f"%%chat -t 0\n{NAME}", cell_id="d")
        assert "Your name is Bob." in plain(answer)
    finally:
        restarted.close()


def test_without_its_path_a_notebook_has_to_be_named(chatting):
    reply = chatting.run("%conversation restore")
    assert (
        "The kernel does not know which notebook this is. Name it: %conversation restore PATH"
        in reply.error
    )
