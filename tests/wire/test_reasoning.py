import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinference_magics.wire.reasoning import TAGS, ReasoningSplitter


def split(pieces, **how):
    splitter = ReasoningSplitter(**how)
    parts = [splitter.text(piece) for piece in pieces] + [splitter.end()]
    return "".join(thought for thought, _ in parts), "".join(answer for _, answer in parts)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("Hello", "", "Hello"),
        ("  indented", "", "  indented"),
        ("<think>\nTwo and two.\n</think>\n\n4.", "Two and two.", "4."),
        ("\n<think>a</think>b", "a", "b"),
        ("<think></think>b", "", "b"),
        ("<think>never closed ", "never closed", ""),
        ("<think>a < b </thin c</think>d", "a < b </thin c", "d"),
        ("<thinking is hard", "", "<thinking is hard"),
        ("The tag <think> is text </think> here", "", "The tag <think> is text </think> here"),
        ("<think>a</think>b <think>c</think>", "a", "b <think>c</think>"),
        ("   ", "", "   "),
        ("<", "", "<"),
        ("", "", ""),
    ],
)
def test_tags_are_found_however_the_text_is_cut(text, thought, answer):
    for size in range(1, len(text) + 1):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert split(pieces) == (thought, answer)


def test_reasoning_whose_opening_tag_was_in_the_prompt():
    assert split(["Two and", " two.\n</th", "ink>\n4."], prefilled=True) == ("Two and two.", "4.")
    assert split(["no tag at all"], prefilled=True) == ("no tag at all", "")


def test_reasoning_that_the_engine_separated_is_trimmed():
    splitter = ReasoningSplitter()
    thoughts = [splitter.thought(piece)[0] for piece in ("\n", "I add", " them.", "\n", "\n")]
    answers = [splitter.text(piece)[1] for piece in ("\n\n", "2 + 2", " = 4\n")]
    assert "".join(thoughts) == "I add them."
    assert "".join(answers) == "2 + 2 = 4\n"


def test_text_after_the_engines_reasoning_is_never_searched_for_tags():
    splitter = ReasoningSplitter(prefilled=True)
    assert splitter.thought("hm") == ("hm", "")
    assert splitter.text("<think>") == ("", "<think>")


@pytest.mark.parametrize(
    ("pieces", "thought", "answer"),
    [
        (["a ", ["b"], " c"], "b", "a  c"),
        (["a", ["b"], "\n\nc"], "b", "a\n\nc"),
        (["a\n", ["\nb\n"], "\nc"], "b", "a\n\nc"),
        (["<th", ["b"], " c"], "b", "<th c"),
        (["\n", ["b"], "\n\nc"], "b", "c"),
        (["a", ["b"], " ", "c", ["d"], "e"], "b\n\nd", "a ce"),
        ([["b"], "\n", ["d"], "\nc"], "bd", "c"),
        (["<think>b</think>\n\na", ["d"], " c"], "b\n\nd", "a c"),
        (["<think>b</thi", ["d"], " c"], "b</thi\n\nd", "c"),
        (["a", ["b"], " "], "b", "a "),
        ([["b"], " "], "b", ""),
        (["a <think>b</think> c"], "", "a <think>b</think> c"),  # it may only mention the tags
    ],
)
def test_text_before_reasoning_is_neither_lost_nor_joined_to_what_follows(pieces, thought, answer):
    """Reasoning from the engine is in lists."""
    splitter = ReasoningSplitter()
    parts = [
        splitter.text(piece) if isinstance(piece, str) else splitter.thought(*piece)
        for piece in pieces
    ]
    parts.append(splitter.end())
    assert ("".join(thought for thought, _ in parts), "".join(said for _, said in parts)) == (
        thought,
        answer,
    )


@given(st.lists(st.text(alphabet="<>/think \n", max_size=9)), st.booleans())
def test_nothing_but_white_space_and_tags_is_ever_lost(pieces, prefilled):
    whole = "".join(pieces)
    thought, answer = split(pieces, prefilled=prefilled)
    assert (thought, answer) == split([whole], prefilled=prefilled)
    bare = "".join((thought + answer).split())
    assert len(bare) >= len("".join(whole.split())) - len("<think></think>")


@pytest.mark.parametrize("tags", [tags for tags in TAGS if tags.thought], ids=str)
def test_every_way_of_marking_reasoning(tags):
    text = f"\n{tags.opening}\nTwo and two.\n{tags.closing}\n\n4, I think.\n"
    for cut in range(len(text)):
        assert split([text[:cut], text[cut:]]) == ("Two and two.", "4, I think.\n")
    assert split(list(text)) == ("Two and two.", "4, I think.\n")


@pytest.mark.parametrize("tags", [tags for tags in TAGS if not tags.thought], ids=str)
def test_tags_around_the_answer_are_dropped(tags):
    text = f"<think>a</think>\n{tags.opening}\n4, I think.\n{tags.closing}"
    for cut in range(len(text)):
        assert split([text[:cut], text[cut:]]) == ("a", "4, I think.")


def test_the_channels_of_gpt_oss():
    text = (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>"
        "I look. <|end|><|start|>assistant<|channel|>analysis<|message|> More.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>4 it is.<|return|>"
    )
    for size in (1, 2, 7, len(text)):
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert split(pieces) == ("Hm.More.", "I look.4 it is.")
    call = "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}"
    assert split(list(f"<|channel|>analysis<|message|>Hm.<|end|>{call}")) == ("Hm.", call)


@pytest.mark.parametrize("thought", ["", "<|channel|>analysis<|message|>Hm.<|end|>"])
@pytest.mark.parametrize("space", ["", " "])
def test_an_answer_of_gpt_oss_that_follows_a_schema(thought, space):
    start = "<|start|>assistant" if thought else ""
    text = (
        f'{thought}{start}<|channel|>final{space}<|constrain|>json<|message|>{{"a": 1}}<|return|>'
    )
    for cut in range(len(text)):
        assert split([text[:cut], text[cut:]]) == ("Hm." if thought else "", '{"a": 1}')


def test_answer_tags_without_reasoning_are_kept():
    assert split(["<answer>4</answer>"]) == ("", "<answer>4</answer>")


def test_reasoning_that_is_opened_despite_the_prompt():
    assert split(["<thi", "nk>a</think>b"], prefilled=True) == ("a", "b")
    assert split(["a</mm:think>b"], prefilled=True) == ("a", "b")


CALL = '[{"name": "f", "arguments": {}}]'


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        (f"<think>\n{CALL}", "", CALL),
        (f"<think>\n{CALL[1:-1]}", "", CALL[1:-1]),
        (CALL, "", CALL),
        (f"<think>\nHm.\n</think>\n\n{CALL}", "Hm.", CALL),
        ("<think>\n[1] is a reference</think>OK", "[1] is a reference", "OK"),
        (f"<think>\n</think>\n\n{CALL}", "", CALL),
        ("<think>\n[", "[", ""),
        ("<think>\n", "", ""),
    ],
)
def test_a_forced_call_is_no_reasoning(text, thought, answer):
    for cut in range(len(text)):
        assert split([text[:cut], text[cut:]], forced=True) == (thought, answer)
    assert split(list(text), forced=True) == (thought, answer)
