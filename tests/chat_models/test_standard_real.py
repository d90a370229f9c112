"""langchain-tests' standard suite for chat models, against the tiny model on both engines.

With ENDPOINT and MODEL_UID in the environment (`make standard`), also against a running model.
"""

import os

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from xinference_magics.chat_models import ChatXinference
from xinference_magics.cluster.connection import Cluster

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    # json_mode and json_schema are requested although transformers ignores both
    pytest.mark.filterwarnings("ignore:The .* engine ignores"),
]


class Suite(ChatModelIntegrationTests):
    """What both engines have in common."""

    engine: str
    uid: str
    other_uid: str
    endpoint: str

    @pytest.fixture(autouse=True)
    def find_server(self, tiny_chat):
        type(self).endpoint = tiny_chat.endpoint

    @property
    def chat_model_class(self):
        return ChatXinference

    @property
    def chat_model_params(self):
        return {
            "model": self.uid,
            "base_url": self.endpoint,
            "engine": self.engine,
            "temperature": 0,
            "max_tokens": 500,
        }

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_anthropic_inputs(self):
        return True

    @property
    def model_override_value(self):
        return self.other_uid


class TestLlamaCpp(Suite):
    engine, uid, other_uid = "llama.cpp", "tiny-gguf", "tiny-pt"

    @property
    def supported_usage_metadata_details(self):
        """transformers reports no cached tokens, and neither engine counts reasoning tokens."""
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_read_input(self, *, stream=False):
        """Send the same prompt twice: the second time, it is in the engine's cache."""
        llm = self.chat_model_class(**self.chat_model_params)
        llm.invoke("Hello")
        if not stream:
            return llm.invoke("Hello")
        first, *others = llm.stream("Hello")
        return first + others


class TestTransformers(Suite):
    engine, uid, other_uid = "transformers", "tiny-pt", "tiny-gguf"


class StructureOnly(Suite):
    """The suite's tests of structured output, repeated for a named method."""

    method: str

    @property
    def structured_output_kwargs(self):
        return {"method": self.method}

    def __init_subclass__(cls):
        """Drop the tests that do not depend on the method: they have run above."""
        for name in dir(cls):
            if name.startswith("test_") and "structured_output" not in name:
                setattr(cls, name, None)


class TestLlamaCppFunctionCalling(StructureOnly):
    engine, uid, method = "llama.cpp", "tiny-gguf", "function_calling"


class TestLlamaCppJsonSchema(StructureOnly):
    engine, uid, method = "llama.cpp", "tiny-gguf", "json_schema"


class TestLlamaCppJsonMode(StructureOnly):
    engine, uid, method = "llama.cpp", "tiny-gguf", "json_mode"


class TestTransformersFunctionCalling(StructureOnly):
    engine, uid, method = "transformers", "tiny-pt", "function_calling"


class TestTransformersJsonSchema(StructureOnly):
    engine, uid, method = "transformers", "tiny-pt", "json_schema"


class TestTransformersJsonMode(StructureOnly):
    engine, uid, method = "transformers", "tiny-pt", "json_mode"


class Running(Suite):
    """A running model that was not trained on the answers."""

    other_uid = None
    endpoint, uid = os.environ.get("ENDPOINT"), os.environ.get("MODEL_UID")

    @pytest.fixture(autouse=True)
    def find_server(self):
        cluster = Cluster(self.endpoint)
        type(self).engine = cluster.describe(self.uid).engine
        cluster.close()


class RunningStructure(Running, StructureOnly):
    """The tests of structured output on it, by a named method."""


if Running.uid:

    class TestRunning(Running):
        """All tests, with structured output by the default method for its engine."""

    class TestRunningFunctionCalling(RunningStructure):
        method = "function_calling"

    class TestRunningJsonSchema(RunningStructure):
        method = "json_schema"

    # No class for json_mode: these prompts do not say which keys the object should have, which
    # only a model that learned them can know. The suite's own test_json_mode does.
