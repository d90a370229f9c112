"""The numbers in the messages with which engines refuse a prompt that is too long."""

import copy

import pytest

from xinference_magics.errors import ContextLengthError
from xinference_magics.transport.error_details import asked_and_limit
from xinference_magics.transport.failures import server_error

REFUSALS = {
    "request (4242 tokens) exceeds the available context size (4096 tokens), try increasing it": (
        4242,
        4096,
    ),
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
    "(4800 in the messages, 200 in the completion). Please reduce the length.": (4800, 4096),
    "This model's maximum context length is 4096 tokens. However, your prompt contains at least "
    "4097 input tokens, which exceeds this limit even without any output tokens.": (4097, 4096),
    "This model's maximum context length is 4096 tokens and your request has 4200 input tokens": (
        4200,
        4096,
    ),
    "You passed 4097 input tokens and requested 16 output tokens. However, the model's context "
    "length is only 4096 tokens, resulting in a maximum input length of 4080 tokens.": (4097, 4096),
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.": (
        5000,
        4096,
    ),
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).": (
        5000,
        4096,
    ),
    "Requested token count exceeds the model's maximum context length of 4,096 tokens. You "
    "requested a total of 5,000 tokens: 4,800 tokens from the input messages and 200 tokens for "
    "the completion.": (4800, 4096),
    "Prompt length 5000 reaches or exceeds context_length 4096, leaving no output capacity.": (
        5000,
        4096,
    ),
    "Prompt has 5000 tokens, but context_length is 4096; at least one output token is required.": (
        5000,
        4096,
    ),
    "The prompt leaves no room for output tokens": (None, None),
    "This exceeds the context window.": (None, None),
    "Requested tokens (1234) exceed context window of 512": (1234, 512),
}


@pytest.mark.parametrize(("said", "numbers"), REFUSALS.items())
@pytest.mark.parametrize("status", [400, 500])
def test_the_message_of_each_engine_is_understood(status, said, numbers):
    assert asked_and_limit(said) == numbers
    error = server_error(status, f"[address=1:2, pid=3] {said}", endpoint="http://h")
    assert type(error) is ContextLengthError
    assert (error.asked, error.limit) == numbers
    again = copy.copy(error)  # as pickle does
    assert (again.asked, again.limit) == numbers


@pytest.mark.parametrize("size", ["128k", "32K", "128 k", "1,024k", "1.5M", "9" * 16])
def test_a_number_that_continues_is_not_used(size):
    assert asked_and_limit(f"max context length {size} exceeded") == (None, None)


def test_a_number_that_is_not_a_size_is_ignored():
    assert asked_and_limit("context length is 0 tokens") == (None, None)
    assert asked_and_limit("1 " * 10_000 + "context" * 10_000) == (None, None)
