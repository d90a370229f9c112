"""Merging chunks at once gives the message that langchain-core builds from them one by one."""

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk, message_chunk_to_message
from langchain_core.messages.tool import tool_call_chunk

from xinference_magics.chat.events import joined, merged

CHUNKS = st.one_of(
    st.builds(AIMessageChunk, content=st.text(max_size=4), id=st.sampled_from(["a", "b", None])),
    st.builds(
        lambda text: AIMessageChunk("", additional_kwargs={"reasoning_content": text}),
        st.text(max_size=4),
    ),
    st.builds(
        lambda args: AIMessageChunk(
            "", tool_call_chunks=[tool_call_chunk(name="f", args=args, id="1", index=0)]
        ),
        st.sampled_from(["{", "}", '"x": 1']),
    ),
    st.just(AIMessageChunk("end", response_metadata={"finish_reason": "stop"})),
)


@given(st.lists(CHUNKS, min_size=1, max_size=12))
def test_joined_chunks_merge_into_the_same_message(chunks):
    assert merged(chunks) == message_chunk_to_message(reduce(add, chunks))


def test_consecutive_texts_become_one_chunk():
    texts = [AIMessageChunk(text, id="a") for text in "abc"]
    end = AIMessageChunk("", id="a", chunk_position="last")
    assert [chunk.content for chunk in joined([*texts, end])] == ["abc", ""]
    assert [chunk.content for chunk in texts] == ["a", "b", "c"]
