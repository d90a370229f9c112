"""XinferenceSpeechModel: a model that speaks, on an Xinference server."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from pydantic import ConfigDict

from xinference_magics.errors import BadRequestError, ServerError
from xinference_magics.media.speech import MIME_TYPES, Speech
from xinference_magics.media.uploads import upload
from xinference_magics.models.served import ServedModel
from xinference_magics.transport.routes import Route, speak, speak_like


class XinferenceSpeechModel(ServedModel):
    """A model that speaks, running on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop.

    Instantiate:
        ```python
        from xinference_magics import XinferenceSpeechModel

        speech_model = XinferenceSpeechModel("http://127.0.0.1:9997", "my-voice-model")
        ```

    Speak:
        ```python
        speech = speech_model.speak("Good evening.", voice="ef_dora")
        speech.save("evening.mp3")
        ```

    Async:
        ```python
        speech = await speech_model.aspeak("Good evening.")
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    voice: str = ""
    """The voice; empty for the model's own. No server lists the voices of a model."""

    response_format: str = "mp3"
    """The format of the sound: mp3, wav, flac, ogg, and what else the model can write."""

    speed: float | None = None
    """How fast to speak: 1 is normal, 2 twice as fast; None for the model's default."""

    _route: ClassVar[Route] = speak

    def speak(self, text: str, *, reference: object = None, **options: Any) -> Speech:
        """Speak a text.

        Args:
            text: What to say.
            reference: A sound whose voice to imitate, if the model can: a path, bytes, an open
                file or a sound of this package.
            options: Fields of this class, and other parameters of the model, such as `seed`, and
                `prompt_text`: what is said in the reference.

        Raises:
            BadRequestError: There is nothing to say, or the format is unknown.
            ServerError: The model failed, or made no sound.
        """
        body = self._body(text, reference, options)
        started = time.monotonic()
        route = speak if reference is None else speak_like
        sound = self._endpoint.by(route).answer(body)
        return self._spoken(body, sound, time.monotonic() - started)

    async def aspeak(self, text: str, *, reference: object = None, **options: Any) -> Speech:
        """Speak a text; see `speak`."""
        body = self._body(text, reference, options)
        started = time.monotonic()
        route = speak if reference is None else speak_like
        sound = await self._endpoint.by(route).aanswer(body)
        return self._spoken(body, sound, time.monotonic() - started)

    def _body(self, text: str, reference: object, options: dict[str, Any]) -> dict[str, Any]:
        """Check what is asked, before anything is sent."""
        if not text.strip():
            raise BadRequestError("There is nothing to say.")
        own = {
            "voice": self.voice,
            "response_format": self.response_format,
            "speed": self.speed,
        }
        given = own | self.extra_body | options
        format_, speed = given["response_format"], given["speed"]
        if format_ not in MIME_TYPES:
            raise BadRequestError(
                f"{format_!r} is not a format of sounds.", hint=f"Use {', '.join(MIME_TYPES)}."
            )
        if speed is not None and speed <= 0:
            raise BadRequestError(f"speed must be above 0, not {speed:g}.")
        if reference is not None:
            given["prompt_speech"] = upload(reference, "a sound")
        known = {name: value for name, value in given.items() if value is not None}
        return {"model": self.model_uid, "input": text, **known}

    def _spoken(self, body: dict[str, Any], sound: bytes, elapsed: float) -> Speech:
        if not sound:  # a stream that fails ends like this, without a word
            raise ServerError(
                f"{self.model_uid} made no sound.", hint="The server's log may say why."
            )
        others = {"model", "input", "voice", "response_format", "prompt_speech"}
        return Speech(
            data=sound,
            format=body["response_format"],
            text=body["input"],
            voice=body["voice"],
            model=self.model_uid,
            parameters={name: value for name, value in body.items() if name not in others},
            elapsed=elapsed,
        )
