"""Pictures, sounds and transcripts as values: how they show themselves and what they turn into."""

import io
import json
import wave

import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from xinference_magics.errors import BadRequestError
from xinference_magics.media.pictures import GeneratedImage, Images
from xinference_magics.media.speech import Speech
from xinference_magics.media.transcript import Transcript
from xinference_magics.wire.transcripts import Segment


def png(colour="red"):
    """Return the bytes of a small picture."""
    file = io.BytesIO()
    Image.new("RGB", (16, 8), colour).save(file, format="PNG")
    return file.getvalue()


def picture(seed=7, prompt="a cat", **parameters):
    """Return a picture that a model could have made."""
    return GeneratedImage.of(
        png(), "image/png", seed=seed, prompt=prompt, parameters=parameters, model="sd"
    )


def shown(value):
    """Return what a notebook shows of a value."""
    return DisplayFormatter().format(value)


class TestPictures:
    def test_one_shows_itself_once(self):
        data, metadata = shown(Images([picture()], 1.0))
        assert set(data) == {"image/png", "text/plain"}
        assert data["text/plain"] == "<picture: 16x8, seed 7>"
        assert metadata["image/png"]["alt"] == "a cat"

    def test_several_show_a_grid(self):
        made = Images([picture(1), picture(2, prompt='"><script>')], 1.0)
        data, _ = shown(made)
        assert data["text/html"].count("<img ") == 2
        assert "<script>" not in data["text/html"]
        assert data["text/html"].count(made[0].base64) == 2  # both have the same bytes
        assert made.seeds == [1, 2]
        assert made[1:].seeds == [2]

    def test_a_png_has_its_parameters(self, tmp_path):
        made = picture(num_inference_steps=20, negative_prompt="dogs", guidance_scale=7.5)
        with Image.open(made.save(tmp_path / "cat.png")) as saved:
            assert saved.text["parameters"] == (
                "a cat\nNegative prompt: dogs\n"
                "Steps: 20, CFG scale: 7.5, Seed: 7, Size: 16x8, Model: sd"
            )
            assert saved.size == (16, 8)

    def test_other_formats(self, tmp_path):
        with Image.open(picture().save(tmp_path / "cat.jpg")) as saved:
            assert saved.format == "JPEG"
        assert picture().save(tmp_path / "cat").name == "cat.png"
        with pytest.raises(BadRequestError, match=r"pictures cannot be saved as \.doc"):
            picture().save(tmp_path / "cat.doc")
        assert not (tmp_path / "cat.doc").exists()

    def test_a_content_block(self):
        block = picture().to_content_block()
        assert block == {"type": "image", "base64": picture().base64, "mime_type": "image/png"}

    def test_all_are_saved_by_their_seeds(self, tmp_path):
        saved = Images([picture(1), picture(2)], 1.0).save(tmp_path / "new")
        assert [path.name for path in saved] == ["seed-1.png", "seed-2.png"]


def sound(seconds=0.5):
    """Return the bytes of a wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes(round(16000 * seconds)))
    return file.getvalue()


class TestSpeech:
    def test_it_plays_itself(self):
        made = Speech(data=sound(), format="wav", text='say "hi"')
        data, _ = shown(made)
        assert data["text/html"].startswith("<audio controls")
        assert "say &quot;hi&quot;" in data["text/html"]
        assert data["text/html"].count(made.base64) == 1
        assert data["text/plain"] == "<speech: 0.5 s, 8 kB of wav>"

    def test_a_large_one_is_not_put_into_the_notebook(self):
        made = Speech(data=sound(), format="wav", text="hi", embedded_bytes=1000)
        data, _ = shown(made)
        assert set(data) == {"text/plain"}
        assert "more than 0.001 MB is not put into the notebook; .save(PATH)" in data["text/plain"]

    def test_saving(self, tmp_path):
        made = Speech(data=sound(), format="wav", text="hi")
        assert made.save(tmp_path / "hi").read_bytes() == made.data
        with pytest.raises(BadRequestError, match=r"the sound is wav.*Use the suffix \.wav"):
            made.save(tmp_path / "hi.mp3")


SEGMENTS = (Segment(0.0, 1.5, "Good evening."), Segment(61.25, 3723.004, "a --> b\n\nc"))
HEARD = Transcript(text="Good evening. a --> b c", segments=SEGMENTS, source="a.wav", model="w")


class TestTranscripts:
    def test_webvtt(self):
        assert HEARD.to_vtt() == (
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGood evening.\n\n"
            "00:01:01.250 --> 01:02:03.004\na -> b c\n"
        )

    def test_subrip(self):
        assert HEARD.to_srt().startswith("1\n00:00:00,000 --> 00:00:01,500\nGood evening.\n\n2\n")

    def test_documents(self):
        first, _ = HEARD.to_documents()
        assert first.metadata == {"source": "a.wav", "start": 0.0, "end": 1.5}
        (whole,) = Transcript(text="all", source="b.wav").to_documents()
        assert (whole.page_content, whole.metadata) == ("all", {"source": "b.wav"})

    def test_a_table(self):
        table = HEARD.to_pandas()
        assert list(table.columns) == ["start", "end", "text"]
        assert table["end"].tolist() == [1.5, 3723.004]

    def test_without_times(self):
        with pytest.raises(BadRequestError, match="w told no times: there is only the text"):
            Transcript(text="all", model="w").to_vtt()
        assert Transcript(text="", model="w").to_vtt() == "WEBVTT\n"

    def test_it_shows_when_each_piece_was_said(self):
        data, _ = shown(Transcript(text="<b>", segments=(Segment(61.25, 62, "<b>"),)))
        assert "&lt;b&gt;" in data["text/html"]
        assert data["text/plain"] == "01:01.25  <b>"
        assert json.dumps(data)
