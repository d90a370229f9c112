"""Pictures, speech, transcripts and more from real models on a real Xinference."""

import io
import threading
import time
from uuid import uuid4

import pytest
from langchain_core.document_loaders import Blob
from PIL import Image

from xinference_magics import (
    XinferenceFlexibleModel,
    XinferenceImageModel,
    XinferenceOcr,
    XinferenceSpeechModel,
    XinferenceTranscriber,
)
from xinference_magics.errors import BadRequestError, XinferenceError

SMALL = {"size": "64x64", "num_inference_steps": 3}


@pytest.fixture(scope="module", params=["a1111", "openai"])
def image_model(request, server, tiny_media):
    """The image model, by either of its interfaces."""
    made = XinferenceImageModel(server.endpoint, tiny_media.image, **SMALL)
    if request.param == "openai":  # as if the model were of no base that the server knows
        made._description = {"model_type": "image"}
    return made


async def test_each_picture_can_be_had_again(image_model):
    first = image_model.generate("a red cat", n=2, seed=8)
    assert first.seeds == [8, 9]
    (again,) = await image_model.agenerate("a red cat", seed=9)
    assert again.data == first[1].data
    assert first[0].data != first[1].data
    assert (again.width, again.height) == (64, 64)
    assert image_model.generate("a blue cat", seed=9)[0].data != again.data


def test_editing(image_model):
    (given,) = image_model.generate("a red cat", seed=8)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    (whole,) = image_model.edit(given, "a blue cat", strength=0.6, seed=1)
    (half,) = image_model.edit(given.to_pil(), "a blue cat", mask=mask, strength=0.6, seed=1)
    assert len({given.data, whole.data, half.data}) == 3
    assert half.width == 64


def test_progress_and_stop(image_model):
    ended, request_id = [], uuid4().hex

    def paint():
        try:
            image_model.generate("a cat", num_inference_steps=400, request_id=request_id)
        except XinferenceError as error:
            ended.append(error)

    thread = threading.Thread(target=paint)
    thread.start()
    seen = []
    while len(seen) < 3 and thread.is_alive():
        time.sleep(0.1)
        seen += filter(None, [image_model.progress(request_id)])
    assert seen == sorted(seen)
    assert seen
    assert seen[-1] < 1
    really = image_model.stop(request_id)
    thread.join(20)
    assert really == bool(image_model._description.get("model_base"))
    assert "cancelled" in str(ended[0])


def test_what_a_model_cannot_do_is_not_sent(server, tiny_media):
    no_painter = XinferenceImageModel(server.endpoint, tiny_media.ocr)
    with pytest.raises(BadRequestError, match=r"cannot paint from a prompt alone \(abilities: ocr"):
        no_painter.generate("a cat")
    voice = XinferenceImageModel(server.endpoint, tiny_media.speaks)
    with pytest.raises(BadRequestError, match="tiny-voice is of type audio: it paints no pictures"):
        voice.generate("a cat")


@pytest.fixture(scope="module")
def speech_model(server, tiny_media):
    """The model that speaks."""
    return XinferenceSpeechModel(server.endpoint, tiny_media.speaks, voice="ef_dora")


async def test_speech(speech_model):
    said = speech_model.speak("hola mundo", response_format="wav")
    assert said.seconds > 0.3
    assert said.data.startswith(b"RIFF")
    fast = await speech_model.aspeak("hola mundo", response_format="wav", speed=2.0)
    assert fast.seconds < said.seconds
    assert speech_model.speak("hola mundo").mime_type == "audio/mpeg"


def test_a_format_that_the_model_cannot_write(speech_model):
    with pytest.raises(XinferenceError, match="OPUS"):
        speech_model.speak("hola", response_format="opus")


@pytest.fixture(scope="module")
def recording(pytestconfig):
    """A sound file in which two sentences are said."""
    return pytestconfig.rootpath / "examples" / "tiny_media" / "sounds" / "station.ogg"


@pytest.fixture(scope="module")
def transcriber(server, tiny_media):
    """The model that writes down speech."""
    return XinferenceTranscriber(server.endpoint, tiny_media.hears)


SAID = "The train leaves at seven."


async def test_transcripts(transcriber, recording):
    heard = transcriber.transcribe(recording)
    assert heard.text.startswith(SAID)
    assert heard.source == "station.ogg"
    assert " ".join(each.text for each in heard.segments) == heard.text
    assert heard.to_vtt().startswith("WEBVTT\n\n00:00:0")
    words = await transcriber.atranscribe(recording.read_bytes(), words=True)
    assert words.words
    assert [each.start for each in words.words] == sorted(each.start for each in words.words)


def test_a_translation(transcriber, recording):
    french = recording.with_name("gare.ogg")
    assert transcriber.transcribe(french).text == "Bonsoir."
    assert transcriber.transcribe(french, translate=True).text == "Good evening."


def test_loaders_read_sounds(transcriber, recording):
    documents = transcriber.parse(Blob.from_path(recording))
    assert documents[0].metadata["source"] == str(recording)
    assert documents[0].page_content.startswith("The train")


def test_what_is_no_sound(transcriber):
    with pytest.raises(XinferenceError, match="Soundfile is either not in the correct format"):
        transcriber.transcribe(b"no sound")


async def test_reading_images(server, tiny_media):
    model = XinferenceOcr(server.endpoint, tiny_media.ocr)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, format="PNG")
    assert model.read(file.getvalue()) == "The image is red."
    assert await model.aread(Image.new("RGB", (64, 64), "blue")) == "The image is blue."
    (document,) = model.parse(Blob.from_data(file.getvalue(), mime_type="image/png"))
    assert document.page_content == "The image is red."


async def test_flexible_models(server, tiny_media):
    model = XinferenceFlexibleModel(server.endpoint, tiny_media.flexible)
    assert model.infer("ignored", top_k=3) == {"top_k": 3}
    assert await model.ainfer(values=[1, 2]) == {"values": [1, 2]}
    with pytest.raises(BadRequestError, match="The server uses model itself"):
        model.infer(model="x")
