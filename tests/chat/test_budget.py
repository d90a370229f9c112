"""What fits into a model's context window, and what is learned from its refusals and counts."""

import pytest
import recorded
from langchain_core.messages import AIMessage, AIMessageChunk
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat.budget import estimated, fitted
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.learnt import Learnt, Lessons
from xinference_magics.chat.question import Question
from xinference_magics.chat.turn import Turn
from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import ContextLengthError, IgnoredByEngineWarning, PromptError
from xinference_magics.notes import collected_notes

LLAMA = "request ({} tokens) exceeds the available context size ({} tokens), try increasing it"
VLLM = "This model's maximum context length is {1} tokens. However, you requested more."
REFUSED = "tiny refused the prompt as too long for its {} tokens"
LONG = "The ferry leaves the old harbour at seven. " * 50


class Answering:
    """Raises the given errors in turn, then answers yes."""

    name, engine, parameters, tools = "tiny", None, {}, ()

    def __init__(self, *errors, context=None, usage=None, first=None):
        self.errors, self.context, self.usage, self.first = [*errors], context, usage, first
        self.asked = []

    async def events(self, messages, parameters):
        self.asked.append([each.text for each in messages if each.type == "human"])
        if self.first is not None:
            yield self.first
        if self.errors:
            raise self.errors.pop(0)
        yield AIMessageChunk("Yes.", usage_metadata=self.usage)


def refusal(limit=None, asked=None):
    error = ContextLengthError("The server cannot accept the request.")
    error.limit, error.asked = limit, asked
    return error


def question(responder, *turns, prompt="Now?", **fields):
    before = tuple(Turn(text, AIMessage("Yes."), "tiny") for text in turns)
    fields.setdefault("learnt", Learnt())
    return Question(responder=responder, prompt=prompt, before=before, **fields)


async def answered(asked):
    """Have a question answered; return the texts and the notes."""
    with collected_notes() as notes:
        texts = [event.text async for event in asked.source()]
    return texts, notes


def usage(tokens):
    return {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}


async def test_a_refused_prompt_is_sent_once_more_with_fewer_turns():
    responder = Answering(refusal(limit=1200, asked=2300))
    asked = question(responder, LONG, "b" + LONG, "c" + LONG)
    assert await answered(asked) == (
        ["Yes."],
        [f"{REFUSED.format('1,200')}; sent it again without the oldest 2 turns."],
    )
    assert [[text[0] for text in each] for each in responder.asked] == [list("TbcN"), list("cN")]
    assert asked.learnt.limit == 1200
    assert asked.learnt.ratio > 1.2  # the server counted more than was estimated


async def test_what_was_learnt_applies_to_the_next_question():
    learnt = Learnt()
    await answered(question(Answering(refusal(limit=1200)), LONG, LONG, LONG, learnt=learnt))
    responder = Answering(context=32_768)
    with collected_notes() as notes:
        fits = fitted(question(responder, LONG, LONG, LONG, learnt=learnt)).question
    assert notes == ["Left out the oldest turn: the context of tiny is full."]
    assert await answered(fits) == (["Yes."], [])
    assert len(responder.asked) == 1


@pytest.mark.parametrize("limit", [100_000, None])
async def test_a_turn_is_left_out_even_if_the_numbers_do_not_explain_it(limit):
    responder = Answering(refusal(limit=limit))
    assert await answered(question(responder, "a", "b", "c")) != ([], [])
    assert responder.asked[1] == (["b", "c", "Now?"] if limit else ["c", "Now?"])


@pytest.mark.parametrize(
    ("turns", "prompt", "errors"),
    [
        ([], LONG, [refusal(100, 400)]),
        (["a"], LONG, [refusal(100, 400)]),  # still too long without the turn
        (["a", "b"], "Now?", [refusal(100), refusal(100)]),  # retried once, not forever
    ],
)
async def test_an_unavoidable_refusal_is_raised(turns, prompt, errors):
    responder = Answering(*errors)
    with pytest.raises(ContextLengthError, match=r"Shorten it, or lower max_tokens"):
        await answered(question(responder, *turns, prompt=prompt))
    assert len(responder.asked) == len(errors)


async def test_an_answer_that_is_too_long_by_itself_costs_no_turns():
    responder = Answering(refusal(limit=4096, asked=50))
    with pytest.raises(ContextLengthError, match=r"Lower max_tokens") as raised:
        await answered(question(responder, "a", "b", parameters={"max_tokens": 100_000}))
    assert "Shorten it" not in str(raised.value)
    assert len(responder.asked) == 1
    responder = Answering(refusal(limit=4096, asked=3000))  # the prompt is too long as well
    asked = question(responder, LONG, "b", parameters={"max_tokens": 100_000})
    assert (await answered(asked))[0] == ["Yes."]


async def test_nothing_is_retried_once_text_has_arrived():
    responder = Answering(refusal(100), first=AIMessageChunk("Well"))
    with pytest.raises(ContextLengthError):
        await answered(question(responder, "a", "b"))
    assert len(responder.asked) == 1
    responder = Answering(refusal(100), first=AIMessageChunk(""))  # the role alone is not text
    assert (await answered(question(responder, "a", "b")))[0] == ["", "", "Yes."]


async def test_a_chain_is_asked_once():
    responder = Answering(refusal(100))
    with pytest.raises(ContextLengthError):
        await answered(question(responder, "a", "b", learnt=None))


async def test_the_model_s_own_count_corrects_the_estimate():
    responder = Answering(context=4000)
    asked = question(responder, prompt="words " * 850)
    before = fitted(asked).tokens
    responder.usage = usage(3 * before)
    await answered(asked)
    assert 2.5 * before < fitted(asked).tokens < 3 * before
    with pytest.raises(PromptError, match="has about"):
        fitted(question(responder, prompt="words " * 1700, learnt=asked.learnt))


def test_short_prompts_and_absurd_counts_change_little():
    learnt = Learnt()
    learnt.count(8, 38)  # the template alone has thirty
    assert 1 < learnt.ratio < 1.5
    learnt.count(1000, 1_000_000)
    assert learnt.ratio == 4
    for _ in range(20):  # older measurements count for less and less
        learnt.count(1000, 1)
    assert learnt.ratio == 0.25
    for estimate, count in [(0, 5), (5, 0), (5, -1)]:
        before = learnt.ratio
        learnt.count(estimate, count)
        assert learnt.ratio == before


async def test_pictures_teach_nothing_about_text():
    blocks = [{"type": "text", "text": "What?"}, {"type": "image", "base64": "AA=="}]
    asked = question(Answering(usage=usage(3000)), blocks=blocks)
    await answered(asked)
    assert asked.learnt.ratio == 1


def test_tools_are_counted():
    from langchain_core.tools import tool

    @tool
    def get_weather(city: str) -> str:
        """The weather in a city, and some words more so that there is something to count."""
        return city

    responder = Answering()
    without = estimated(question(responder))
    responder.tools = [get_weather]
    assert estimated(question(responder)) > without + 20


def test_a_learnt_limit_overrides_the_room_for_an_answer():
    learnt = Learnt(limit=1000)
    responder = Answering()
    responder.parameters = {"max_tokens": 900}
    assert fitted(question(responder, prompt=LONG, learnt=learnt)).tokens > 400
    with pytest.raises(PromptError):
        fitted(question(responder, prompt=LONG * 3, learnt=learnt))


def test_lessons_belong_to_one_model_on_one_server():
    lessons = Lessons()
    lessons.of(ChatXinference("http://a:1", "m")).limit = 5
    assert lessons.at("http://a:1", "m").limit == 5
    assert lessons.at("http://b:1", "m").limit is None
    lessons.forget("http://a:1", "m")
    assert lessons.at("http://a:1", "m").limit is None


@pytest.mark.parametrize("said", [LLAMA, VLLM])
@pytest.mark.parametrize("later", [False, True])
async def test_a_refused_prompt_is_retried_from_code_too(said, later):
    talk = Conversation()
    for number, text in enumerate([LONG, "b" + LONG, "c" + LONG], 1):
        talk.add(Turn(text, AIMessage("Yes."), "tiny"), Execution(-number))
    refused = Reply(500, {"detail": said.format(1500, 700)})
    uncounted = Stream(recorded.llama("Yes.")[:-1])
    with ScriptedServer(refused, uncounted) as server:
        llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        with pytest.warns(
            IgnoredByEngineWarning,
            match=r"^tiny refused the prompt as too long for its 700 tokens; sent it again without",
        ):
            turn = await talk.aask("Now?", model=llm) if later else talk.ask("Now?", model=llm)
        assert turn.text == "Yes."
        sent = [len(body["messages"]) for body in server.bodies]
        assert sent[0] == 7
        assert sent[1] < 7
        with pytest.warns(IgnoredByEngineWarning, match="the context of tiny is full"):
            talk.ask("And now?", model=llm)
        assert len(server.bodies) == 3
