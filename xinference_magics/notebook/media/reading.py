"""``%ocr``: a model reads the text in an image."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from xinference_magics.errors import PromptError
from xinference_magics.notebook.chatting.responders import model_meant
from xinference_magics.notebook.prompt.attachments import media
from xinference_magics.notebook.session.namespace import OCR
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.media.options import OcrOptions


class ReadText(str):
    """A text that a cell shows as it is, instead of in quotes."""

    __slots__ = ()

    def _repr_pretty_(self, printer: object, cycle: bool) -> None:  # noqa: ARG002
        printer.text(neutralise(str(self)))  # type: ignore[attr-defined]


def read(cell: CellContext, options: OcrOptions, named: str) -> ReadText:
    """Return the text in `named`, a file or an expression; ``--out`` keeps it.

    Raises:
        PromptError: `named` is no image.
        XinferenceError: The model could not do it.
    """
    block = media("image", named.strip(), cell.variables, "%ocr")
    if "base64" not in block:
        raise PromptError("%ocr opens no web address: download the image first.")
    uid = model_meant(options.model, cell.variables)
    model = cell.session.model_in_use(uid, OCR, options.endpoint)
    given = {**dict(options.parameter or ()), "prompt": options.prompt, "pages": options.pages}
    text = ReadText(model.read(base64.b64decode(block["base64"]), **given))
    if options.out:
        cell.namespace[options.out] = text
    return text
