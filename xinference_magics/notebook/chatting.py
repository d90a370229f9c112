"""``%%chat``: from the text of a cell to a finished turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.turn import Turn
from xinference_magics.display.stream import choose_view
from xinference_magics.notebook.arguments import Parser, leading_options
from xinference_magics.notebook.options import CHAT
from xinference_magics.notebook.prompt import expand

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat_models import ChatXinference
    from xinference_magics.notebook.magics import XinferenceMagics

_EXAMPLES = """\
examples:
  %%chat
  Where can we visit in the capital of {{country}}?

  answer = %chat -t 0 What's new?
"""


def chat(
    magics: XinferenceMagics, line: str, cell: str | None, local: dict[str, Any] | None
) -> Turn:
    """Run one turn and keep it.

    Raises:
        UsageError: An option is not right, or there is no prompt.
        XinferenceError: The turn failed; what had arrived of it is kept.
        KeyboardInterrupt: The kernel was interrupted; what had arrived of it is kept.
    """
    arguments, text = _read(line, cell)
    prompt = text if arguments.raw else expand(text, magics.shell.user_ns, local)
    parameters = _parameters(arguments)
    session, execution = magics.session, magics.cells.current
    model = session.model_in_use(arguments.model)
    system = arguments.system if arguments.system is not None else magics.system
    before = [] if arguments.new else session.conversation.before(execution)
    turn, error = _run(magics, model, _messages(system, before, prompt), parameters)
    if turn.status == "done" or not turn.empty:
        session.conversation.add(turn, execution, anew=bool(arguments.new))
        if arguments.out:
            magics.shell.user_ns[arguments.out] = turn
    _raise(turn, error)
    return turn


def _read(line: str, cell: str | None) -> tuple[Arguments, str]:
    magic = "%chat" if cell is None else "%%chat"
    parser = Parser(magic, "Send a prompt to a model and stream its answer.", CHAT, _EXAMPLES)
    words, rest = leading_options(line, parser)
    arguments = parser.parse(words)
    if cell is not None and rest.strip():
        parser.error(f"unexpected {rest.strip()!r}: the prompt stands in the lines below")
    text = rest.strip() if cell is None else cell.strip("\n")
    if not text.strip():
        parser.error("there is no prompt")
    return arguments, text


def _parameters(arguments: Arguments) -> dict[str, Any]:
    """Collect the generation parameters, refusing wrong ones before anything is shown or sent."""
    from xinference_magics.wire.parameters import NAMES, checked, refuse_unknown

    given = {"temperature": arguments.temperature, "max_tokens": arguments.max_tokens}
    given = {name: value for name, value in given.items() if value is not None}
    given = {**dict(arguments.parameter or []), **given}
    refuse_unknown(given, (*NAMES, "extra_body"))
    checked({name: value for name, value in given.items() if name in NAMES})
    return given


def _messages(system: str, before: list[Turn], prompt: str) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    return [
        *([SystemMessage(system)] if system else []),
        *(message for turn in before for message in turn.messages),
        HumanMessage(prompt),
    ]


def _run(
    magics: XinferenceMagics,
    model: ChatXinference,
    messages: list[BaseMessage],
    parameters: dict[str, Any],
) -> tuple[Turn, Exception | None]:
    """Stream the answer into a view, and settle it."""
    view = choose_view(magics.shell)
    live = LiveTurn(model.model_uid)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        outcome = runner.run(
            lambda: model.astream(messages, **parameters),
            live,
            view,
            frame_seconds=1 / magics.frame_rate,
        )
    except BaseException:
        view.dismiss()
        raise
    turn = Turn(
        prompt=str(messages[-1].text),
        system=str(messages[0].text) if messages[0].type == "system" else "",
        message=live.message(),
        model_uid=model.model_uid,
        engine=model.engine,
        parameters={**model.generation_parameters, **parameters},
        started=started,
        seconds=outcome.seconds,
        first_token_seconds=live.first_token_seconds,
        status=outcome.status,
        error=str(outcome.error or ""),
    )
    if turn.status == "failed" and turn.empty:
        view.dismiss()
    else:
        view.close(turn)
    return turn, outcome.error


def _raise(turn: Turn, error: Exception | None) -> None:
    if turn.status == "interrupted":
        rest = " before anything arrived" if turn.empty else "; what had arrived is kept"
        raise interrupts.one_line(f"The turn was interrupted{rest}.")
    if error is not None:
        raise error
