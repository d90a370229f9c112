"""Expand cell text to a prompt: every ``{{expression}}`` becomes its value in the notebook.

Everything else arrives byte for byte: single braces, ``$``, LaTeX, JSON. Inserted values are never
expanded again.
"""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from xinference_magics.errors import PromptError
from xinference_magics.nearest import did_you_mean
from xinference_magics.notebook.prompt.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType

    from xinference_magics.notebook.prompt.pictures import Block

_SINGLE = re.compile(r"(?<!\{)\{([A-Za-z_]\w*)\}(?!\})")
_OPENING = re.compile(r"\\?\{\{")
_MAX_EXPRESSION_CHARS = 10_000
"""Maximum number of characters between ``{{`` and the end of its expression."""
_OF_IPYTHON = {"In", "Out", "exit", "get_ipython", "open", "quit"}
_NEAR = 0.7
"""How similar a variable must be: short names are soon alike."""
_REMEDY = r"Write \{{ for literal braces, or use --raw to insert nothing."


@dataclass(frozen=True)
class Prompt:
    """A prompt: text, with pictures and other media at their positions in it.

    Attributes:
        parts: Texts and LangChain content blocks, in order.
    """

    parts: tuple[str | Block, ...]

    @classmethod
    def of(cls, content: str | list[Any]) -> Prompt:
        """Create a prompt from the content of a message."""
        if isinstance(content, str):
            return cls((content,))
        return cls(tuple(each["text"] if each["type"] == "text" else each for each in content))

    @property
    def text(self) -> str:
        """The text, with a note in place of each block."""
        return "".join(part if isinstance(part, str) else _note(part) for part in self.parts)

    @property
    def blocks(self) -> list[Block] | None:
        """The whole prompt as content blocks; None if it is text only."""
        if all(isinstance(part, str) for part in self.parts):
            return None
        return [
            {"type": "text", "text": part} if isinstance(part, str) else part
            for part in self.parts
            if part != ""
        ]


def _note(block: Block) -> str:
    name = block.get("extras", {}).get("name") or ""
    return f"[{' '.join(filter(None, [block['type'], name]))}]"


def expand(
    text: str,
    namespace: Mapping[str, Any],
    local: Mapping[str, Any] | None = None,
    *,
    put: Callable[[Any, str], str | Block] = shown,
) -> Prompt:
    r"""Replace every ``{{expression}}`` in `text` with its value; ``\{{`` escapes ``{{``.

    Args:
        text: The prompt as typed.
        namespace: The notebook's variables.
        local: The variables of the function that calls the magic, if any.
        put: Converts a value and its expression to what is inserted.

    Raises:
        PromptError: An expression does not parse, names something unknown, or fails.
    """
    return parsed(text).filled({**namespace, **(local or {})}, put=put)


@dataclass(frozen=True)
class _Place:
    """An expression of a prompt: its code, as typed, and where it is."""

    code: CodeType
    source: str
    line: int


@dataclass(frozen=True)
class PromptText:
    """A prompt whose expressions are compiled, to be filled in as often as needed.

    Attributes:
        pieces: Its texts and expressions, in order.
    """

    pieces: tuple[str | _Place, ...]

    @property
    def is_constant(self) -> bool:
        """Whether it has no expressions."""
        return all(isinstance(piece, str) for piece in self.pieces)

    def filled(
        self, variables: Mapping[str, Any], *, put: Callable[[Any, str], str | Block] = shown
    ) -> Prompt:
        """Replace the expressions with their values.

        Args:
            variables: What the expressions may name.
            put: Converts a value and its expression to what is inserted.

        Raises:
            PromptError: An expression names something unknown, or fails.
        """
        filled: list[str | Block] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                filled.append(piece)
                continue
            place = f"{{{{{piece.source}}}}} in line {piece.line} of the prompt"
            with _explained(place, variables, _REMEDY):
                filled.append(put(_evaluated(piece.code, variables), piece.source))
        return joined(filled)


def parsed(text: str) -> PromptText:
    r"""Compile every ``{{expression}}`` in `text`; ``\{{`` escapes ``{{``.

    Raises:
        PromptError: An expression does not parse.
    """
    pieces: list[str | _Place] = []
    position = 0
    while opening := _OPENING.search(text, position):
        pieces.append(text[position : opening.start()])
        if opening[0].startswith("\\"):
            pieces.append("{{")
            position = opening.end()
            continue
        code, source, position = _expression(text, opening.end())
        pieces.append(_Place(code, source, text.count("\n", 0, opening.start()) + 1))
    return PromptText((*pieces, text[position:]))


def joined(pieces: Iterable[str | Block]) -> Prompt:
    """Make a prompt of `pieces`, merging adjacent texts."""
    parts: list[str | Block] = []
    for is_text, group in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        together = list(group)
        parts += ["".join(cast("list[str]", together))] if is_text else together
    return Prompt(tuple(parts))


def braced_names(text: str, namespace: Mapping[str, Any]) -> list[str]:
    """Find the user's variables in single braces, as in an f-string."""
    names = dict.fromkeys(_SINGLE.findall(text))
    return [name for name in names if name in namespace]


def _expression(text: str, start: int) -> tuple[CodeType, str, int]:
    """Compile the text from `start` to the first ``}}`` that makes it an expression."""
    reason = ""
    for end in _closings(text, start):
        source = text[start:end].strip()
        try:
            with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
                return compile(source, "<prompt>", "eval"), source, end + 2
        except (SyntaxError, ValueError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
        except (RecursionError, MemoryError):
            reason = "it is nested too deeply"
    line = text.count("\n", 0, start) + 1
    snippet = text[start - 2 : start + 30].splitlines()[0]
    raise PromptError(
        f"{snippet!r} in line {line} of the prompt is not a valid expression: "
        f"{reason or _unclosed(text, start)}.",
        hint=_REMEDY,
    )


def _unclosed(text: str, start: int) -> str:
    if text.find("}}", start) < 0:
        return "it is never closed by }}"
    return f"it is longer than {_MAX_EXPRESSION_CHARS} characters"


def _closings(text: str, start: int) -> Iterator[int]:
    end = text.find("}}", start, start + _MAX_EXPRESSION_CHARS)
    while end >= 0:
        yield end
        end = text.find("}}", end + 1, start + _MAX_EXPRESSION_CHARS)


def evaluate(source: str, variables: Mapping[str, Any], *, option: str) -> Any:
    """Evaluate the expression given to an option.

    Args:
        source: The user's expression.
        variables: The notebook's variables.
        option: The option as typed, for errors.

    Raises:
        PromptError: It does not parse, names something unknown, or fails.
    """
    with _explained(option, variables):
        return _evaluated(compile(source, f"<{option}>", "eval"), variables)


def _evaluated(code: CodeType, variables: Mapping[str, Any]) -> Any:
    """Evaluate the user's expression; its assignments change no variable."""
    # One dictionary holds them all, because a comprehension would not see separate locals.
    return eval(code, {**variables})  # noqa: S307 - the user's own code


@contextmanager
def _explained(place: str, variables: Mapping[str, Any], remedy: str = "") -> Iterator[None]:
    """Report where the user's code failed, and which name it may have meant."""
    try:
        yield
    except PromptError:
        raise
    except NameError as error:
        hint = " ".join(filter(None, [_meant(error.name or "", variables), remedy]))
        raise _of_user(PromptError(f"{place}: {error}.", hint=hint), error) from error
    except Exception as error:
        said = f"{place} failed: {type(error).__name__}: {error}."
        raise _of_user(PromptError(said, hint=remedy), error) from error


def _meant(name: str, variables: Mapping[str, Any]) -> str:
    """Suggest the user's variables, not those that IPython puts beside them."""
    own = [each for each in variables if each not in _OF_IPYTHON and not each.startswith("_")]
    return did_you_mean(name, own, _NEAR)


def _of_user(explained: PromptError, error: Exception) -> PromptError:
    """Make ``%debug`` open the frame where the user's code failed, not one of ours."""
    return explained.with_traceback(error.__traceback__)
