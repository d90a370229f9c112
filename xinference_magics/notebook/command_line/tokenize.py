"""Split a command's line into words, inserting the values of the variables that it names."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import UsageError
from xinference_magics.notebook.prompt.expand import evaluate, expand
from xinference_magics.notebook.prompt.values import worded

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\{([A-Za-z_]\w*(?:\.\w+|\[[^\[\]{}]+\])*)\}")
_PLACES = range(0xF0000, 0xFFFFE)
"""Private-use characters, each a placeholder for a value until the line is split into words."""


def split_line(line: str, magic: str, variables: Mapping[str, Any]) -> list[str]:
    """Split a magic's line into words, dropping a trailing ``# comment``.

    ``{{expression}}``, ``{name}`` and ``$name`` become their values, each of which stays within its
    word whatever it contains. A single brace or a dollar sign before something that isn't a
    variable stays as it is, so that JSON can be typed. Quotes group words; backslashes are plain
    characters (they are common in paths).

    Raises:
        UsageError: A quote is not closed.
        PromptError: An expression fails.
    """
    values: dict[int, str] = {}
    free = (place for place in _PLACES if chr(place) not in line)

    def put(value: object, _source: str = "") -> str:
        place = next(free)
        values[place] = worded(value)
        return chr(place)

    def put_variable(match: re.Match[str]) -> str:
        source = match[1] or match[2]
        if re.split(r"\W", source)[0] not in variables:
            return match[0]
        return put(evaluate(source, variables, option=magic))

    put_in = _VARIABLE.sub(put_variable, expand(line, variables, put=put).text)
    return [word.translate(values) for word in _words(put_in, magic)]


def _words(line: str, magic: str) -> list[str]:
    for comment in re.finditer(r"(?:^|(?<=\s))#", line):
        try:
            return _shell_words(line[: comment.start()])
        except ValueError:  # this '#' is inside quotes
            continue
    try:
        return _shell_words(line)
    except ValueError:
        # Leave out the line, because the text after the quote may be a secret.
        raise UsageError(
            f'{magic}: a quote is not closed; put " around text with an apostrophe'
        ) from None


def _shell_words(text: str) -> list[str]:
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.commenters = words.escape = ""
    return list(words)
