"""XinferenceOcr: a model that reads the text in images, on an Xinference server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from pydantic import ConfigDict
from typing_extensions import override

from xinference_magics.media.uploads import upload
from xinference_magics.models.served import ServedModel
from xinference_magics.transport.routes import Route, read_images
from xinference_magics.wire.shapes import MalformedError, understood
from xinference_magics.wire.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.document_loaders import Blob


class XinferenceOcr(ServedModel, BaseBlobParser):
    """A model that reads the text in images, running on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop. It is also a
    blob parser, so that LangChain's loaders can read scans with it.

    Instantiate:
        ```python
        from xinference_magics import XinferenceOcr

        ocr_model = XinferenceOcr("http://127.0.0.1:9997", "my-ocr-model")
        ```

    Read:
        ```python
        text = ocr_model.read("invoice.png")
        ```

    Async:
        ```python
        text = await ocr_model.aread("invoice.png")
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = None
    """What to do with the image; None for the model's default, which is to read all of it."""

    _route: ClassVar[Route] = read_images

    def read(self, image: object, **options: Any) -> str:
        """Return the text in an image.

        Args:
            image: A path, bytes, an open file, or a picture of Pillow or this package. A PDF, too,
                if the server has the packages for it.
            options: ``prompt`` and other parameters of the model; ``pages`` of a PDF, such as
                ``"1-3"``.

        Raises:
            BadRequestError: The image cannot be read.
        """
        return self._text(self._endpoint.answer(self._body(image, options)))

    async def aread(self, image: object, **options: Any) -> str:
        """Return the text in an image; see `read`."""
        return self._text(await self._endpoint.aanswer(self._body(image, options)))

    @override
    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield a document with the text in `blob`."""
        name = Path(str(blob.source)).name if blob.source else Upload.name
        file = Upload(blob.as_bytes(), blob.mimetype or Upload.mime_type, name)
        yield Document(self.read(file), metadata={"source": blob.source or ""})

    def _body(self, image: object, options: dict[str, Any]) -> dict[str, Any]:
        given = {"prompt": self.prompt, **self.extra_body, **options}
        known = {name: value for name, value in given.items() if value is not None}
        return {"model": self.model_uid, "image": upload(image, "a picture"), **known}

    def _text(self, response: Any) -> str:
        with understood(self.model_uid):
            if isinstance(response, dict):  # some models wrap it
                response = response.get("text")
            if not isinstance(response, str):
                raise MalformedError("there is no text")
        return response.strip()
