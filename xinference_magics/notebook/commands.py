"""The commands of ``%xinference``: each takes the session and arguments, and returns a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from xinference_magics.notebook import options
from xinference_magics.notebook.arguments import (
    HelpRequested,
    Option,
    Parser,
    extra_pairs,
    nearest,
)
from xinference_magics.notebook.launching import cancel, launch

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Callable, Sequence

    from xinference_magics.notebook.session import Session


@dataclass(frozen=True)
class Command:
    """A command of ``%xinference``.

    Attributes:
        name: As typed.
        help: One line for people.
        run: Does it; what it returns is the value of the magic.
        options: What it takes.
        examples: Lines to type, shown in its help.
        takes_extra: Whether undeclared ``--key value`` pairs are passed on.
    """

    name: str
    help: str
    run: Callable[[Session, Arguments], Any]
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    takes_extra: bool = False

    def parser(self) -> Parser:
        """Make the parser that the options declare."""
        epilog = "\n".join(["examples:", *(f"  {line}" for line in self.examples)])
        return Parser(
            f"%xinference {self.name}",
            self.help,
            self.options,
            epilog if self.examples else "",
        )

    def __call__(self, session: Session, words: Sequence[str]) -> Any:
        """Read `words` and do it."""
        parser = self.parser()
        if not self.takes_extra:
            return self.run(session, parser.parse(words))
        arguments, unknown = parser.parse_known_args(list(words))
        forced = {key.replace("-", "_"): value for key, value in arguments.extra or []}
        arguments.extra = {**extra_pairs(unknown, parser), **forced}
        return self.run(session, arguments)


def run(session: Session, words: Sequence[str]) -> Any:
    """Run ``%xinference WORDS``.

    Raises:
        UsageError: There is no such command, or its arguments are not right.
    """
    name, *rest = words or ["status"]
    if name in {"-h", "--help", "help"}:
        session.say(_help(rest))
        return None
    try:
        return _command(name)(session, rest)
    except HelpRequested as requested:
        session.say(str(requested))
        return None


def _command(name: str) -> Command:
    if name in COMMANDS:
        return COMMANDS[name]
    near = nearest(name, COMMANDS, cutoff=0.6)
    hint = f"did you mean {near}?" if near else f"commands: {', '.join(COMMANDS)}"
    raise UsageError(f"%xinference: no command {name!r}; {hint}")


def _help(words: Sequence[str]) -> str:
    if words:
        return _command(words[0]).parser().format_help()
    width = max(map(len, COMMANDS))
    lines = [f"  {command.name:{width}}  {command.help}" for command in COMMANDS.values()]
    return "\n".join(["%xinference COMMAND [OPTIONS]", "", *lines, "", "%xinference COMMAND -h"])


def connect(session: Session, arguments: Arguments) -> None:
    """Connect to an endpoint and say what runs there."""
    session.connect(arguments.endpoint)
    session.say(session.describe_connection())


def serve(session: Session, arguments: Arguments) -> None:
    """Start the private local server, or join the one that runs."""
    session.serve(port=arguments.port, keep=bool(arguments.keep))
    session.say(session.describe_connection())


def stop(session: Session, _arguments: Arguments) -> None:
    """Stop the private local server."""
    session.stop_local()
    session.say("Stopped the local server.")


def status(session: Session, _arguments: Arguments) -> None:
    """Say where the notebook is connected and what is in use."""
    session.cluster()
    session.say(session.describe_connection())


def list_models(session: Session, arguments: Arguments) -> Any:
    """List the models that run."""
    from xinference_magics.notebook.results import Models

    return Models(session.visit(arguments.endpoint).models())


def describe(session: Session, arguments: Arguments) -> Any:
    """Describe one model that runs."""
    return session.visit(arguments.endpoint).describe(arguments.uid)


def use(session: Session, arguments: Arguments) -> None:
    """Take up a model that runs."""
    running = session.cluster(arguments.endpoint).describe(arguments.uid)
    session.say(session.take_up(running, arguments.as_name))


def terminate(session: Session, arguments: Arguments) -> None:
    """End a model that runs."""
    session.visit(arguments.endpoint).terminate(arguments.uid)
    if arguments.endpoint is None:
        session.forget(arguments.uid)
    session.say(f"Terminated {arguments.uid}.")


_UID = Option(("uid",), "UID of a running model.", type=options.not_empty, required=True)
_THERE = Option(("--endpoint", "-e"), "Another Xinference endpoint, for this command only.")

COMMANDS = {
    command.name: command
    for command in (
        Command(
            "connect",
            "Connect to a server.",
            connect,
            (Option(("endpoint",), "Its URL (default: configured, or found on this machine)."),),
            ("%xinference connect http://gpu-server:9997",),
        ),
        Command(
            "serve",
            "Start a private Xinference on this machine, or join the one that runs.",
            serve,
            (
                Option(("--port",), "Port to listen on (default: a free one).", type=int),
                Option(("--keep",), "Let it run on when the last notebook is gone.", words=0),
            ),
        ),
        Command("stop", "Stop the private Xinference of this machine.", stop),
        Command("status", "Where this notebook is connected, and what runs.", status),
        Command(
            "launch",
            "Launch a model; returns its UID.",
            launch,
            options.LAUNCH,
            (
                "uid = %xinference launch -n qwen2.5-instruct -s 0_5 -f ggufv2 -q q4_k_m",
                "%xinference launch -n my-model -f pytorch -q none --n_threads 4",
            ),
            takes_extra=True,
        ),
        Command("list", "The models that run.", list_models, (_THERE,)),
        Command("describe", "One running model.", describe, (_UID, _THERE)),
        Command(
            "use",
            "Take up a running model: %%chat asks it, and its object is put into the namespace.",
            use,
            (_UID, options.AS_NAME, options.ENDPOINT),
            ("%xinference use my-model --as llm2",),
        ),
        Command("cancel", "Cancel a launch that is still loading.", cancel, (_UID, _THERE)),
        Command("terminate", "End a running model.", terminate, (_UID, _THERE)),
    )
}
"""Every command, by its name."""
