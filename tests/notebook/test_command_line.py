"""Every command of the real `xinference` exists, with its options and their meaning."""

import json
import subprocess
from pathlib import Path

import pytest

from xinference_magics.errors import UsageError
from xinference_magics.notebook.commands import COMMANDS

LISTING = """
import json
from xinference.deploy.cmdline import cli
print(json.dumps({
    name: [
        {"flags": option.opts, "words": 0 if option.is_flag else option.nargs,
         "repeat": option.multiple, "required": option.required, "default": str(option.default)}
        for option in command.params
    ]
    for name, command in cli.commands.items()
}))
"""
SERVERS = {"--endpoint"}
SECRETS = {"--api-key", "--password"}
NOT_THEIRS = {
    "launch --replica": "without it the placement of replicas says how many",
    "chat --max_tokens": "%config XinferenceMagics.max_tokens",
    "generate --max_tokens": "%config XinferenceMagics.max_tokens",
}
"""Options that mean the same if they are given, and why their defaults differ."""


@pytest.fixture(scope="module")
def theirs(server_command):
    python = Path(server_command).with_name("python")
    listed = subprocess.run(
        [python, "-c", LISTING], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    return json.loads(listed.splitlines()[-1])


def test_every_command_exists(theirs):
    assert len(theirs) > 15
    assert set(theirs) <= set(COMMANDS)


def test_every_option_exists_with_all_its_spellings(theirs):
    missing = [
        (name, flag)
        for name, options in theirs.items()
        for each in options
        for flag in each["flags"]
        if declared(name, each["flags"][0]) is None
        or declared(name, flag) is not declared(name, each["flags"][0])
    ]
    assert not missing


def test_every_option_takes_as_many_words_and_has_the_same_default(theirs):
    for name, options in theirs.items():
        for each in options:
            flag, ours = each["flags"][0], declared(name, each["flags"][0])
            if flag in SECRETS | SERVERS:
                continue
            assert ours.words == each["words"], (name, flag)
            assert ours.repeat == each["repeat"], (name, flag)
            if f"{name} {flag}" not in NOT_THEIRS and each["default"] not in {"None", "False"}:
                assert str(ours.default) == each["default"], (name, flag)
            if ours.required and not each["required"]:  # the command line fails later, or asks
                assert (name, flag) in {
                    ("unregister", "--model-name"),
                    ("remove-cache", "--model_version"),
                }


def declared(name, flag):
    return next((option for option in COMMANDS[name].options if flag in option.flags), None)


@pytest.mark.parametrize("flag", ["--api-key", "-ak"])
def test_a_typed_key_is_rejected_by_every_command_that_takes_one(theirs, flag):
    for name, options in theirs.items():
        if any(flag in each["flags"] for each in options):
            command = COMMANDS[name]
            with pytest.raises(UsageError, match="replace the secret") as caught:
                command.parser().parse([flag, "xf-hidden"])
            assert "xf-hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "uid"),
    [
        ("terminate --model-uid a", "a"),
        ("terminate --model-uid=a", "a"),
        ("reload -e http://h --model-uid a --model-config {}", "a"),
        ("replicas --model-uid a 3", "a"),
        ("logs -n 3 --model-uid a", "a"),
        ("logs -n 3", None),
    ],
)
def test_a_uid_is_a_word_or_the_value_of_its_flag(line, uid):
    name, *words = line.split()
    assert COMMANDS[name].parser().parse(words).uid == uid


@pytest.mark.parametrize("words", [[], ["--model-uid"], ["a", "--model-uid", "b"]])
def test_a_uid_is_given_once(words):
    with pytest.raises(UsageError, match=r"UID or --model-uid UID|unexpected word"):
        COMMANDS["terminate"].parser().parse(words)
