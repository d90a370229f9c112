"""What is sent to models of pictures and sounds, and what is refused before."""

import pytest

from xinference_magics import XinferenceImageModel, XinferenceSpeechModel, XinferenceTranscriber
from xinference_magics.errors import BadRequestError
from xinference_magics.transport.routes import generate_images, vary_images
from xinference_magics.wire.images import LARGEST_SEED, ImageRequest, pictures, seeds, sides
from xinference_magics.wire.shapes import MalformedError
from xinference_magics.wire.transcripts import TranscriptionRequest, segments_of
from xinference_magics.wire.uploads import Upload, form

NOWHERE = "http://127.0.0.1:9"


def asked(**fields):
    """Return a request for a picture."""
    return ImageRequest(model_uid="sd", prompt="a cat", request_id="r", **fields)


class Recording:
    """A handle that keeps what it is to send."""

    def post(self, path, body):
        return path, body

    def upload(self, path, body, *, raw):
        return path, body, raw


def test_parameters_of_the_model_go_into_kwargs():
    body = asked(seeds=[3, 4], size=(64, 32), options={"num_inference_steps": 5}).body()
    path, sent = generate_images(Recording(), body)
    assert path == "/v1/images/generations"
    assert (sent["n"], sent["size"], sent["response_format"]) == (2, "64*32", "b64_json")
    assert sent["kwargs"] == '{"seed": [3, 4], "request_id": "r", "num_inference_steps": 5}'


def test_one_seed_is_sent_as_a_number():
    assert asked(seeds=[3]).body()["seed"] == 3


def test_a_form_has_files_and_fields():
    path, sent, raw = vary_images(Recording(), asked(seeds=[3], image=b"\x89PNG").body())
    fields, files = form(sent)
    assert (path, raw) == ("/v1/images/variations", False)
    assert [(name, file.data) for name, file in files] == [("image", b"\x89PNG")]
    assert dict(fields)["n"] == "1"
    assert dict(fields)["kwargs"] == '{"seed": 3, "request_id": "r"}'


def test_the_interface_of_a1111():
    body = asked(seeds=[3, 4], size=(64, 32), options={"guidance_scale": 2}).a1111_body()
    assert body["n_iter"] == 2
    assert (body["width"], body["height"], body["seed"], body["cfg_scale"]) == (64, 32, 3, 2)


def test_seeds():
    assert seeds(5, 3) == [5, 6, 7]
    assert len({*seeds(None, 4)}) == 4
    assert seeds(LARGEST_SEED, 1) == [LARGEST_SEED]
    with pytest.raises(BadRequestError, match=r"A seed must be from 0 to 2,147,483,647"):
        seeds(LARGEST_SEED, 2)


@pytest.mark.parametrize("size", ["64x32", "64*32", "64 X 32"])
def test_sizes(size):
    assert sides(size) == (64, 32)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("auto", "not a size such as 512x512"),
        ("64", "not a size"),
        ("65x64", "multiples of 8 pixels, not 65x64. The nearest size is 64x64."),
        ("0x8", "The nearest size is 8x8"),
    ],
)
def test_impossible_sizes(size, said):
    with pytest.raises(BadRequestError, match=said):
        sides(size)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 0}, "n must be from 1 to 64"),
        ({"num_inference_steps": 0}, "num_inference_steps must be at least 1"),
        ({"strength": 0}, "strength must be above 0"),
        ({"strength": 1.1}, "strength must be above 0"),
        ({"seed": -1}, "A seed must be"),
    ],
)
def test_what_no_model_paints(options, said):
    with pytest.raises(BadRequestError, match=said):
        XinferenceImageModel(NOWHERE, "sd").edit(b"x", "a cat", **options)


def test_what_no_model_says():
    model = XinferenceSpeechModel(NOWHERE, "voice")
    with pytest.raises(BadRequestError, match="There is nothing to say"):
        model.speak(" ")
    with pytest.raises(BadRequestError, match="'mp4' is not a format of sounds"):
        model.speak("hi", response_format="mp4")
    with pytest.raises(BadRequestError, match="speed must be above 0, not 0"):
        model.speak("hi", speed=0)


def test_what_no_model_hears(tmp_path):
    model = XinferenceTranscriber(NOWHERE, "whisper")
    with pytest.raises(BadRequestError, match=r"gone\.wav cannot be read: No such file"):
        model.transcribe(tmp_path / "gone.wav")
    with pytest.raises(BadRequestError, match=r"int is not a sound\. Pass a path, bytes"):
        model.transcribe(3)


def test_times_are_always_asked_for():
    body = TranscriptionRequest(model_uid="w", audio=Upload(b"x"), words=True).body()
    assert body["response_format"] == "verbose_json"
    fields, _ = form(body)
    assert ("timestamp_granularities[]", "word") in fields


def test_segments_without_times_are_left_out():
    given = {"segments": [{"start": 0, "end": None, "text": " a "}, {"start": None, "text": "b"}]}
    (found,) = segments_of(given, words=False)
    assert (found.start, found.end, found.text) == (0.0, 0.0, "a")


@pytest.mark.parametrize(
    "response", [None, {}, {"data": []}, {"data": [{}]}, {"data": [{"b64_json": "?"}]}]
)
def test_responses_without_pictures(response):
    with pytest.raises(MalformedError):
        pictures(response)
