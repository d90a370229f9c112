"""From the words of ``%xinference launch`` to the request, and what no running model reveals."""

import pytest

from xinference_magics.errors import UsageError
from xinference_magics.notebook.commands.launch_options import hidden, request, typed
from xinference_magics.notebook.commands.launching import COMMANDS

LAUNCH = COMMANDS[0]


def read(line):
    return LAUNCH.read(line.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-n m", ()),
        ("-n m -t embedding -en e -s 7 -f f -q q -u u -r 2 --n-worker 2", ()),
        ("-n m --disable-virtual-env --as llm2 --no-wait --force", ()),
        ("-n m --n_threads 1 --env A b --gpu-idx 0", ("--env", "--gpu-idx", "--n_threads")),
        ("-n m --trust-remote-code false", ("--trust-remote-code",)),
        ("-n m --context-length 512 --extra a=1", ("--a", "--context-length")),
        ("-n m --n-gpu none --worker-ip w", ("--n-gpu", "--worker-ip")),
    ],
)
def test_options_that_a_running_model_does_not_reveal_are_named_as_typed(line, expected):
    assert hidden(read(line)) == expected


def test_typed_options_are_distinguished_from_defaults():
    names = typed(read("-n m -en e --n_threads 1"))
    assert {"model_name", "model_engine", "n_threads"} <= names
    assert not {"replica", "n_worker", "n_gpu", "model_format"} & names


def test_the_placement_of_replicas_sets_their_number():
    arguments = read('-n m --replica-config [{"gpu":[0]},{"gpu":[1]}]')
    assert request(arguments).replica == 2
    assert "replica" in typed(arguments)


@pytest.mark.parametrize(
    "line",
    [
        "-n m --replica 3 --replica-config [{}]",
        "-n m --worker-ip w --replica-config [{}]",
        "-n m --context-length 1 --context_length=2",
    ],
)
def test_contradictory_options_are_rejected(line):
    with pytest.raises(UsageError):
        request(read(line))
