"""Images, sounds and videos on a real Xinference, through llama.cpp and its projector."""

from base64 import b64encode

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from scripted_server import Reply, ScriptedServer

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError, ServerError
from xinference_magics.wire.profile import model_profile

COLOR = "What color is the image?"
HEAR = "What do you hear?"
VIDEO = "What happens in the video?"


@pytest.fixture(scope="module")
def llm(cluster, tiny_sight):
    running = cluster.describe(tiny_sight)
    return ChatXinference(
        cluster.endpoint,
        tiny_sight,
        engine=running.engine,
        profile=model_profile(running.abilities, running.context_length),
        temperature=0,
        max_tokens=60,
    )


@pytest.fixture(scope="module")
def image(samples):
    """Make a LangChain image block."""
    return lambda color: {
        "type": "image",
        "base64": b64encode(samples.png(color)).decode(),
        "mime_type": "image/png",
    }


@pytest.fixture(scope="module")
def sound(samples):
    """Make a LangChain audio block."""
    return lambda *tones: {
        "type": "audio",
        "base64": b64encode(samples.wav(*tones)).decode(),
        "mime_type": "audio/wav",
    }


def asked(*parts):
    return HumanMessage([{"type": "text", "text": p} if isinstance(p, str) else p for p in parts])


def merge(chunks):
    first, *others = chunks
    return first + others


@pytest.mark.parametrize(
    "color", ["red", "green", "blue", "yellow", "cyan", "magenta", "white", "black"]
)
def test_it_sees(llm, image, color):
    assert llm.invoke([asked(COLOR, image(color))]).content == f"The image is {color}."


def test_without_an_image_it_sees_none(llm):
    assert llm.invoke("What do you see?").content == "I see no image."


@pytest.mark.parametrize("spelling", ["v0", "data uri", "OpenAI", "Anthropic", "Vertex", "bytes"])
def test_all_spellings_of_an_image_arrive(llm, samples, spelling):
    data = b64encode(samples.png("blue")).decode()
    uri = f"data:image/png;base64,{data}"
    block = {
        "v0": {"type": "image", "source_type": "base64", "data": data, "mime_type": "image/png"},
        "data uri": {"type": "image", "url": uri},
        "OpenAI": {"type": "image_url", "image_url": {"url": uri}},
        "Anthropic": {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": data},
        },
        "Vertex": {"type": "media", "mime_type": "image/png", "data": data},
        "bytes": {"type": "image", "base64": samples.png("blue"), "mime_type": "image/png"},
    }[spelling]
    assert llm.invoke([asked(COLOR, block)]).content == "The image is blue."


async def test_all_ways_of_calling_give_the_same_answer(llm, image):
    messages = [asked(COLOR, image("yellow"))]
    ways = [
        llm.invoke(messages),
        merge(llm.stream(messages)),
        await llm.ainvoke(messages),
        merge([chunk async for chunk in llm.astream(messages)]),
        *llm.batch([messages, messages]),
        *await llm.abatch([messages]),
    ]
    assert {each.content for each in ways} == {"The image is yellow."}
    assert {each.response_metadata["finish_reason"] for each in ways} == {"stop"}


def test_an_image_costs_tokens(llm, image):
    without = llm.invoke([asked(COLOR)]).usage_metadata["input_tokens"]
    costs = llm.invoke([asked(COLOR, image("red"))]).usage_metadata["input_tokens"] - without
    assert costs == 16


def test_two_images_keep_their_order(llm, image):
    answer = llm.invoke([asked("Compare the images.", image("red"), image("blue"))])
    assert answer.content == "The images are red and blue."
    answer = llm.invoke([asked(image("blue"), image("red"), "Compare the images.")])
    assert answer.content == "The images are blue and red."


def test_an_image_earlier_in_the_conversation(llm, image):
    history = [
        SystemMessage("You are a helpful assistant."),
        asked(COLOR, image("green")),
        AIMessage("The image is green."),
    ]
    assert llm.invoke([*history, asked("What color was the image?")]).content == (
        "The image was green."
    )
    assert llm.invoke([*history, asked(COLOR, image("white"))]).content == "The image is white."


def test_a_tool_may_return_an_image(llm, image):
    def take_photo() -> str:
        """Take a photo with the camera."""

    camera = llm.bind_tools([take_photo])
    messages = [asked("Take a photo and describe it.")]
    messages.append(camera.invoke(messages))
    [call] = messages[-1].tool_calls
    assert (call["name"], call["args"]) == ("take_photo", {})
    messages.append(ToolMessage([image("magenta")], tool_call_id=call["id"]))
    assert camera.invoke(messages).content == "The image is magenta."


@pytest.mark.parametrize("tone", ["low", "high"])
@pytest.mark.parametrize("spelling", ["v1", "v0", "OpenAI", "data uri", "Qwen"])
def test_it_hears_all_spellings_of_a_sound(llm, samples, tone, spelling):
    data = b64encode(samples.wav(tone)).decode()
    uri = f"data:audio/wav;base64,{data}"
    block = {
        "v1": {"type": "audio", "base64": data, "mime_type": "audio/wav"},
        "v0": {"type": "audio", "source_type": "base64", "data": data, "mime_type": "audio/wav"},
        "OpenAI": {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        "data uri": {"type": "audio_url", "audio_url": {"url": uri}},
        "Qwen": {"type": "audio", "audio_url": {"url": uri}},
    }[spelling]
    assert llm.invoke([asked(HEAR, block)]).content == f"I hear a {tone} tone."


def test_a_sound_has_a_sequence(llm, sound):
    answer = llm.invoke([asked(HEAR, sound("low", "high"))])
    assert answer.content == "I hear a low tone, then a high tone."
    assert llm.invoke([asked(HEAR, sound("silence"))]).content == "I hear no sound."
    assert llm.invoke(HEAR).content == "I hear no sound."


def test_it_sees_and_hears_at_once(llm, image, sound):
    answer = merge(llm.stream([asked("What do you see and hear?", image("red"), sound("low"))]))
    assert answer.content == "The image is red. I hear a low tone."


def test_it_follows_a_video(llm, samples, tmp_path):
    if not samples.has_ffmpeg():
        pytest.skip("llama.cpp reads videos by ffmpeg and ffprobe, and this machine has none")
    data = b64encode(samples.mp4(tmp_path, "red", "blue")).decode()
    for block in (
        {"type": "video", "base64": data, "mime_type": "video/mp4"},
        {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{data}"}},
        {"type": "input_video", "input_video": {"data": data}},
    ):
        assert llm.invoke([asked(VIDEO, block)]).content == "The video goes from red to blue."


def test_a_url_is_opened_by_the_server(llm, samples):
    """Even a URL in its own network, which llama.cpp does not guard."""
    with ScriptedServer() as web:
        web["/image.png"] = Reply(body=samples.png("cyan"), headers={"Content-Type": "image/png"})
        url = f"{web.endpoint}/image.png"
        answer = llm.invoke([asked(COLOR, {"type": "image", "url": url})])
    assert answer.content == "The image is cyan."
    assert "/image.png" in web.paths


def test_a_model_without_the_ability_is_not_asked(cluster, tiny_chat, image, sound):
    running = cluster.describe(tiny_chat.gguf)
    profile = model_profile(running.abilities, running.context_length)
    reader = ChatXinference(cluster.endpoint, tiny_chat.gguf, engine="llama.cpp", profile=profile)
    for kind, block in (("image", image("red")), ("audio", sound("low"))):
        with pytest.raises(BadRequestError, match=f"The model tiny-gguf cannot read {kind} input"):
            reader.invoke([asked("What is it?", block)])


def test_a_broken_image_is_an_error_that_names_the_cause(llm, image):
    broken = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    for ask in (llm.invoke, lambda messages: list(llm.stream(messages))):
        with pytest.raises(ServerError, match="Failed to load image") as failed:
            ask([asked(COLOR, broken)])
        assert "\n" not in str(failed.value)
    assert llm.invoke([asked(COLOR, image("red"))]).content == "The image is red."


async def test_the_server_reports_how_it_takes_a_sound(llm, sound):
    nameless = ChatXinference(llm.server_url, llm.model_uid, temperature=0, max_tokens=60)
    messages = [asked(HEAR, sound("low"))]
    assert nameless.invoke(messages).content == "I hear a low tone."
    assert (await nameless.ainvoke(messages)).content == "I hear a low tone."
