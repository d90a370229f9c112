"""``%%image``: an image model paints the prompt of a cell."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.errors import PromptError
from xinference_magics.notebook.chatting.responders import model_meant
from xinference_magics.notebook.media.following import Following
from xinference_magics.notebook.media.texts import only_text
from xinference_magics.notebook.prompt.attachments import media
from xinference_magics.notebook.session.namespace import IMAGE
from xinference_magics.notes import collected_notes, show
from xinference_magics.plain import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.media.pictures import Images
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.media.options import ImageOptions

_TITLE_CHARS = 60


def paint(cell: CellContext, options: ImageOptions, text: str) -> Images:
    """Paint a prompt, and return the pictures; ``--out`` keeps them.

    Raises:
        XinferenceError: It failed.
        NotebookError: Cancel was clicked.
        KeyboardInterrupt: The kernel was interrupted.
    """
    with collected_notes() as notes:
        prompt = text if options.raw else only_text(text, cell.variables, "A prompt for pictures")
        asked = {**options.parameters, "n": options.n, "seed": options.seed}
        given = _given(options, cell.variables)
    show(notes)
    uid = model_meant(options.model, cell.variables)
    model = cell.session.model_in_use(uid, IMAGE, options.endpoint)
    request_id = uuid4().hex

    def work() -> Images:
        ask = model.edit if "image" in given else model.generate
        made: Images = ask(prompt=prompt, request_id=request_id, **given, **asked)
        return made

    title = f"{model.model_uid}: {shortened(prompt, _TITLE_CHARS)}"
    images = Following(model, request_id, title, "painting").run(work)
    if options.out:
        cell.namespace[options.out] = images
    return images


def _given(options: ImageOptions, variables: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of the pictures to begin with."""
    named = {"image": ("--from", options.start), "mask": ("--mask", options.mask)}
    return {
        name: _file(option, expression, variables)
        for name, (option, expression) in named.items()
        if expression is not None
    }


def _file(option: str, named: str, variables: Mapping[str, Any]) -> bytes:
    block = media("image", named, variables, option)
    if "base64" not in block:
        raise PromptError(f"{option} {named}: download it first; the server opens no web address.")
    return base64.b64decode(block["base64"])
