"""langchain-tests' standard suite for chat models, against the tiny model on both engines."""

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from xinference_magics.chat_models import ChatXinference

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    # json_mode is asked for although neither engine constrains its output by it
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
    def model_override_value(self):
        return self.other_uid


class TestLlamaCpp(Suite):
    engine, uid, other_uid = "llama.cpp", "tiny-gguf", "tiny-pt"


class TestTransformers(Suite):
    engine, uid, other_uid = "transformers", "tiny-pt", "tiny-gguf"
