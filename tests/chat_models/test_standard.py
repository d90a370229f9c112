"""langchain-tests' standard suite for chat models, the part that needs no server."""

import pytest
from langchain_core.load import dumpd, load
from langchain_tests.unit_tests import ChatModelUnitTests

from xinference_magics.chat_models import ChatXinference


class TestStandard(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return ChatXinference

    @property
    def chat_model_params(self):
        return {"model": "tiny", "base_url": "http://127.0.0.1:9"}

    @property
    def init_from_env_params(self):
        return (
            {"XINFERENCE_ENDPOINT": "http://server:9997", "XINFERENCE_API_KEY": "xf-secret"},
            {"model": "tiny"},
            {"server_url": "http://server:9997", "api_key": "xf-secret"},
        )

    @pytest.mark.filterwarnings("ignore:The function `load` is in beta")
    @pytest.mark.xfail(
        reason="langchain-core only revives classes of its own mapping",
        raises=ValueError,
        strict=True,
    )
    def test_serdes(self, model, snapshot):
        super().test_serdes(model, snapshot)


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_dump_can_be_loaded_if_the_class_is_allowed():
    model = ChatXinference("http://server:9997", "tiny", api_key="xf-secret", temperature=0)
    dumped = dumpd(model)
    assert dumped["id"] == ["xinference_magics", "chat_models", "ChatXinference"]
    assert "xf-secret" not in str(dumped)
    loaded = load(
        dumped,
        allowed_objects=[ChatXinference],
        valid_namespaces=["xinference_magics"],
        secrets_map={"XINFERENCE_API_KEY": "xf-secret"},
    )
    assert loaded == model
