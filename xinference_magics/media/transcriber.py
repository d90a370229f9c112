"""XinferenceTranscriber: a model that writes down speech, on an Xinference server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.document_loaders import BaseBlobParser
from pydantic import ConfigDict
from typing_extensions import override

from xinference_magics.errors import ServerError
from xinference_magics.media.transcript import Transcript
from xinference_magics.media.uploads import upload
from xinference_magics.models.served import ServedModel
from xinference_magics.transport.routes import Route, transcribe, translate
from xinference_magics.wire.shapes import understood
from xinference_magics.wire.transcripts import TranscriptionRequest, segments_of, text_of
from xinference_magics.wire.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.document_loaders import Blob
    from langchain_core.documents import Document


class XinferenceTranscriber(ServedModel, BaseBlobParser):
    """A model that writes down speech, running on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop. It is also a
    blob parser, so that LangChain's loaders can read sounds with it.

    Instantiate:
        ```python
        from xinference_magics import XinferenceTranscriber

        transcriber = XinferenceTranscriber("http://127.0.0.1:9997", "my-speech-model")
        ```

    Transcribe:
        ```python
        transcript = transcriber.transcribe("interview.mp3")
        print(transcript.text)
        Path("interview.vtt").write_text(transcript.to_vtt())
        ```

    Async:
        ```python
        transcript = await transcriber.atranscribe("interview.mp3", language="fr")
        ```

    Load documents:
        ```python
        from langchain_community.document_loaders.generic import GenericLoader

        documents = GenericLoader.from_filesystem("calls", parser=transcriber).load()
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    language: str | None = None
    """The language that is spoken, as a code or in English; None to let the model recognize it."""

    temperature: float | None = None
    """Randomness; None for the model's default."""

    _route: ClassVar[Route] = transcribe

    def transcribe(
        self,
        audio: object,
        *,
        language: str | None = None,
        words: bool = False,
        translate: bool = False,
        **options: Any,
    ) -> Transcript:
        """Write down what is said in a sound.

        Args:
            audio: A path, bytes, an open file, or a sound of this package.
            language: The language that is spoken; None for the field of this name.
            words: Whether to tell when each word is said, instead of each segment.
            translate: Whether to write it down in English, whatever is spoken.
            options: Other parameters of the model.

        Raises:
            BadRequestError: The sound cannot be read, or the model cannot do it.
        """
        asked = self._request(audio, language, options, words=words)
        endpoint = self._endpoint.by(_ROUTES[translate])
        started = time.monotonic()
        try:
            response = endpoint.answer(asked.body())
        except ServerError as error:
            if not _has_no_times(error):
                raise
            response = endpoint.answer(asked.body(timed=False))
        return self._transcript(asked, response, time.monotonic() - started)

    async def atranscribe(
        self,
        audio: object,
        *,
        language: str | None = None,
        words: bool = False,
        translate: bool = False,
        **options: Any,
    ) -> Transcript:
        """Write down what is said in a sound; see `transcribe`."""
        asked = self._request(audio, language, options, words=words)
        endpoint = self._endpoint.by(_ROUTES[translate])
        started = time.monotonic()
        try:
            response = await endpoint.aanswer(asked.body())
        except ServerError as error:
            if not _has_no_times(error):
                raise
            response = await endpoint.aanswer(asked.body(timed=False))
        return self._transcript(asked, response, time.monotonic() - started)

    @override
    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield a document for each segment of what is said in `blob`, with its times."""
        name = Path(str(blob.source)).name if blob.source else "audio"
        upload = Upload(blob.as_bytes(), blob.mimetype or "application/octet-stream", name)
        for document in self.transcribe(upload).to_documents():
            document.metadata["source"] = blob.source or ""
            yield document

    def _request(
        self, audio: object, language: str | None, options: dict[str, Any], *, words: bool
    ) -> TranscriptionRequest:
        given = {"temperature": self.temperature, **self.extra_body, **options}
        return TranscriptionRequest(
            model_uid=self.model_uid,
            audio=upload(audio, "a sound"),
            language=language or self.language,
            words=words,
            options=given,
        )

    def _transcript(self, asked: TranscriptionRequest, response: Any, seconds: float) -> Transcript:
        with understood(self.model_uid):
            return Transcript(
                text=text_of(response),
                segments=tuple(segments_of(response, words=False)),
                words=tuple(segments_of(response, words=True)),
                language=asked.language,
                source="" if asked.audio.name == Upload.name else asked.audio.name,
                model=self.model_uid,
                seconds=seconds,
            )


_ROUTES: dict[bool, Route] = {False: transcribe, True: translate}


def _has_no_times(error: ServerError) -> bool:
    """Return whether a model refused a request only because it cannot tell times."""
    said = str(error).casefold()
    return "verbose_json" in said or "timestamp" in said
