"""A real server that is killed between turns, in a turn and in a launch, and comes back."""

import json

from kernel_driver import Kernel, environment

from xinference_magics.cluster.connection import Cluster

LAUNCH = "%xinference launch -n tiny-chat -f ggufv2 -u mortal --n_threads 1"


def kill(server):
    """Kill a server and its models at once, as a power cut would."""
    for each in [server.process, *server.process.children(recursive=True)]:
        each.kill()
    server.process.wait(10)


def registered(server, definitions):
    cluster = Cluster(server.endpoint)
    for each in definitions:
        cluster.registry.register("LLM", json.dumps(each))
    cluster.close()
    return server


def fails(notebook, code, *parts):
    """Run a cell that must fail with a one-line error as its last line."""
    reply = notebook.run(code, timeout=180)
    assert reply.status == "error", reply
    assert "Traceback" not in reply.stdout
    for part in parts:
        assert part in reply.stdout.strip().splitlines()[-1], reply.stdout
    assert notebook.value("1 + 1") == "2"
    return reply


def test_a_server_that_dies_and_comes_back(start_server, tiny_definitions, tmp_path):
    server = registered(start_server(), tiny_definitions)
    notebook = Kernel.loaded(environment(tmp_path, XINFERENCE_ENDPOINT=server.endpoint))
    try:
        assert notebook.run(LAUNCH, timeout=300).status == "ok"
        in_a_turn(notebook, server)
        between_turns(notebook)
        server = registered(start_server(instead_of=server), tiny_definitions)
        back_again(notebook)
        in_a_launch(notebook, server)
    finally:
        notebook.close()
        server.end()


def in_a_turn(notebook, server):
    sent = notebook.send("for _ in range(500):\n    t = %chat -t 0 --new Count from 1 to 300.")
    notebook.collect(sent, until=lambda reply: len(reply.displays) > 1)
    kill(server)
    reply = notebook.collect(sent, timeout=120)
    assert reply.status == "error"
    assert "Traceback" not in reply.stdout
    assert reply.error.startswith(
        ("StreamError", "ConnectError", "InternalServerError", "ServerError")
    ), reply.error


def between_turns(notebook):
    fails(notebook, "%%chat -t 0\nHello!", "ConnectError", "refused the connection", "%xinference")
    fails(notebook, "llm.invoke('Hello!')", "ConnectError", "refused the connection")
    fails(notebook, "%xinference list", "ConnectError", "refused the connection")
    fails(notebook, LAUNCH, "ConnectError", "refused the connection")


def back_again(notebook):
    """The server has forgotten the model; once it is launched again, the notebook works."""
    fails(notebook, "%%chat -t 0\nHello!", "ModelNotFoundError", "mortal")
    assert notebook.run(LAUNCH, timeout=300).status == "ok"
    assert "Hello" in notebook.run("%%chat -t 0 --new\nHello!").displays[0]["text/plain"]


def in_a_launch(notebook, server):
    notebook.run(
        "from xinference_magics.cluster.launching import launch\nlaunch._GRACE_SECONDS = 2.0"
    )
    sent = notebook.send(LAUNCH.replace("mortal", "unborn") + " --force")
    notebook.collect(sent, until=lambda reply: reply.displays)  # the view of a launch
    kill(server)
    reply = notebook.collect(sent, timeout=120)
    assert reply.status == "error"
    assert "ConnectError" in reply.stdout
    assert "If unborn is still loading: %xinference use unborn" in reply.stdout
    assert "Traceback" not in reply.stdout
