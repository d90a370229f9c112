"""How images, sounds and videos are encoded for an engine; the server's own parser agrees."""

import json
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.media import Reader
from xinference_magics.wire.messages import to_wire

PIXEL = "iVBORw0KGgo="
PNG = f"data:image/png;base64,{PIXEL}"
WAV = "data:audio/wav;base64,AAAA"
MP4 = "data:video/mp4;base64,AAAA"
WEB = "https://example.org/a"

IMAGE = {"type": "image_url", "image_url": {"url": PNG}}
SOUND = {"type": "audio", "audio_url": {"url": WAV}}
LLAMA_SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
VIDEO = {"type": "video_url", "video_url": {"url": MP4}}


def sent(*blocks, engine=None):
    [message] = to_wire([HumanMessage([*blocks])], Reader("tiny", engine))
    return message["content"]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "base64": PIXEL, "mime_type": "image/png"}, IMAGE),
        ({"type": "image", "base64": PIXEL}, IMAGE),
        ({"type": "image", "url": PNG}, IMAGE),
        (
            {
                "type": "image",
                "source_type": "base64",
                "data": PIXEL,
                "mime_type": "image/png",
            },
            IMAGE,
        ),
        ({"type": "image", "source_type": "url", "url": PNG}, IMAGE),
        (IMAGE, IMAGE),
        ({"type": "image_url", "image_url": PNG}, IMAGE),
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
            },
            IMAGE,
        ),
        ({"type": "image", "source": {"type": "url", "url": PNG}}, IMAGE),
        ({"type": "media", "mime_type": "image/png", "data": PIXEL}, IMAGE),
        ({"type": "file", "base64": PIXEL, "mime_type": "image/png"}, IMAGE),
        ({"type": "file", "file": {"filename": "a.png", "file_data": PNG}}, IMAGE),
        ({"type": "video", "base64": "AAAA", "mime_type": "video/mp4"}, VIDEO),
        ({"type": "input_video", "input_video": {"data": "AAAA"}}, VIDEO),
        (VIDEO, VIDEO),
    ],
)
@pytest.mark.parametrize("engine", [None, "llama.cpp", "transformers", "vllm"])
def test_images_and_videos_have_one_form_for_all_engines(block, part, engine):
    text = {"type": "text", "text": "What is it?"}
    assert sent(text, block, engine=engine) == [text, part]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"},
        {"type": "audio", "base64": "AAAA"},
        {"type": "audio", "url": WAV},
        {"type": "audio", "source_type": "base64", "data": "AAAA", "mime_type": "audio/wav"},
        {"type": "media", "mime_type": "audio/wav", "data": "AAAA"},
        {"type": "audio_url", "audio_url": {"url": WAV}},
        SOUND,
        LLAMA_SOUND,
    ],
)
def test_sounds_have_the_form_of_the_engine(block):
    assert sent(block, engine="llama.cpp") == [LLAMA_SOUND]
    for engine in (None, "transformers", "vllm"):
        assert sent(block, engine=engine) == [SOUND]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text-plain", "text": "Hello", "mime_type": "text/plain"},
        {"type": "text-plain", "base64": "SGVsbG8=", "mime_type": "text/plain"},
        {"type": "file", "source_type": "text", "text": "Hello", "mime_type": "text/plain"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Hello"},
        },
    ],
)
def test_text_files_are_text(block):
    assert sent(block) == "Hello"


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_a_url_is_left_to_the_server(kind):
    [part] = sent({"type": kind, "url": WEB})
    assert part[f"{kind}_url"] == {"url": WEB}


@pytest.mark.parametrize("data", [b"\x89PNG", b64encode(b"\x89PNG"), "iVB\nORw==\n"])
def test_bytes_and_lines_become_base64(data):
    [part] = sent({"type": "image", "base64": data, "mime_type": "image/png"})
    encoded = "iVBORw==" if isinstance(data, str) else b64encode(b"\x89PNG").decode()
    assert part["image_url"]["url"] == f"data:image/png;base64,{encoded}"


def test_a_tool_result_may_contain_an_image():
    message = ToolMessage([{"type": "image", "base64": PIXEL}], tool_call_id="1")
    assert to_wire([message])[0]["content"] == [IMAGE]


@pytest.mark.parametrize(
    ("block", "engine", "message"),
    [
        (
            {"type": "file", "base64": "AA", "mime_type": "application/pdf"},
            None,
            "No model can read this block: application/pdf. Send images, sounds and videos as",
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}},
            None,
            "No model can read this block: application/pdf",
        ),
        ({"type": "audio", "url": WEB}, "llama.cpp", "not from a URL. Send the bytes"),
        ({"type": "image"}, None, "No model can read this block: image/png"),
        ({"type": "text-plain", "url": WEB}, None, "No model can read this block: text/plain"),
        ({"type": "text-plain", "base64": "/w=="}, None, "No model can read this block"),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
            },
            None,
            "No model can read this block: application/pdf",
        ),
        ({"type": "non_standard", "value": {}}, None, "this block: non_standard"),
        ({"type": "video_frames", "frames": []}, "transformers", "this block: video_frames"),
        ({"type": "image", "file_id": "file-1"}, None, "No model can read this block"),
        ({"type": "image_url"}, None, "No model can read this block: image_url"),
        ({"type": "image_url", "image_url": {}}, None, "No model can read this block"),
        ({"type": "input_audio"}, "llama.cpp", "No model can read this block"),
        (
            {"type": "image", "url": "file:///etc/passwd"},
            "llama.cpp",
            'not a web address: \'file:///etc/passwd\'. Send the bytes: {"type": "image", "base64"',
        ),
        ({"type": "image_url", "image_url": "cat.png"}, None, "not a web address: 'cat.png'"),
        ({"type": "audio", "url": "sounds/a.wav"}, None, '"mime_type": "audio/wav"}'),
    ],
)
def test_blocks_that_no_engine_reads_are_rejected(block, engine, message):
    with pytest.raises(BadRequestError) as refused:
        sent(block, engine=engine)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_call", "name": "search", "args": {}, "id": "1"},
        {"type": "server_tool_result", "tool_call_id": "1", "status": "success"},
        {"type": "non_standard", "value": {}},
        {"type": "redacted_thinking", "data": "x"},
    ],
)
def test_blocks_of_other_servers_are_not_sent_again(block):
    [said] = to_wire([AIMessage([{"type": "text", "text": "Hello"}, block])])
    assert said["content"] == "Hello"


PARSE = """
import json, sys, types
from xinference.model.llm.media import validate_messages_media
from xinference.model.llm.transformers.multimodal import qwen2_audio
from xinference.model.llm.utils import ChatModelMixin

messages = json.load(sys.stdin)
validate_messages_media(messages)
heard = []
librosa = types.ModuleType("librosa")  # not installed: only what reaches it matters
librosa.load = lambda file, sr: heard.append(file.read().hex()) or [None]
sys.modules["librosa"] = librosa
processor = types.SimpleNamespace(
    apply_chat_template=lambda *_, **__: "",
    feature_extractor=types.SimpleNamespace(sampling_rate=1),
)
model = types.SimpleNamespace(_processor=processor)
qwen2_audio.Qwen2AudioChatModel._transform_messages(model, messages)
print(json.dumps({"parts": ChatModelMixin()._transform_messages(messages), "heard": heard}))
"""


def test_the_parsers_of_the_server_find_every_part(server_command):
    """The one that transformers, vLLM, SGLang and MLX share, and that of Qwen2-Audio."""
    blocks = [
        {"type": "image", "base64": PIXEL},
        {"type": "audio", "base64": "AAAA"},
        {"type": "video", "base64": "AAAA"},
    ]
    messages = to_wire([HumanMessage(blocks)], Reader("tiny", "transformers"))
    parsed = subprocess.run(
        [Path(server_command).with_name("python"), "-c", PARSE],
        input=json.dumps(messages),
        capture_output=True,
        text=True,
        check=False,
    )
    assert parsed.returncode == 0, parsed.stderr[-2000:]
    found = json.loads(parsed.stdout.splitlines()[-1])
    [message] = found["parts"]
    assert message["content"] == [
        {"type": "image", "image": PNG},
        {"type": "audio", "audio": WAV},
        {"type": "video", "video": MP4},
    ]
    assert found["heard"] == ["000000"]
