"""langchain-tests' standard tests with images, sounds and documents, on llama.cpp.

The suite downloads its samples; these tests generate them: a white image for its diagram, a high
tone for its bird. The messages are the suite's own; if one contains a URL, the server finds that
image on this machine.
"""

import httpx
import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests.chat_models import ChatModelTests
from recording_proxy import RecordingProxy
from scripted_server import Reply, ScriptedServer

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError

pytestmark = pytest.mark.filterwarnings(
    "ignore:LANGCHAIN_TESTS_USER_AGENT environment variable not set",
)

DOWNLOADS = "https://raw.githubusercontent.com"
NO_PDF = pytest.mark.xfail(
    reason="no engine of Xinference reads PDFs: they are refused before anything is sent",
    raises=BadRequestError,
    strict=True,
)


class TestMedia(ChatModelTests):
    """Only the tests with media; the whole suite runs on the tiny chat model."""

    endpoint: str
    uid: str

    @pytest.fixture(autouse=True)
    def find_server(self, cluster, tiny_sight, samples):
        picture = Reply(body=samples.png("white"), headers={"Content-Type": "image/png"})
        with (
            ScriptedServer() as here,
            RecordingProxy(cluster.endpoint, {DOWNLOADS: here.endpoint}) as passed,
        ):
            here["*"] = picture
            type(self).endpoint, type(self).uid = passed.endpoint, tiny_sight
            yield

    @pytest.fixture(autouse=True)
    def samples_of_our_own(self, monkeypatch, samples):
        files = {".png": samples.png("white"), ".wav": samples.wav("high"), ".pdf": b"%PDF-1.4\n"}

        def get(url, **_):
            return httpx.Response(200, content=files[url[url.rindex(".") :]])

        monkeypatch.setattr(httpx, "get", get)

    @property
    def chat_model_class(self):
        return ChatXinference

    @property
    def chat_model_params(self):
        return {
            "model": self.uid,
            "base_url": self.endpoint,
            "engine": "llama.cpp",
            "temperature": 0,
            "max_tokens": 60,
        }

    supports_image_inputs = True
    supports_image_urls = True
    supports_image_tool_message = True
    supports_audio_inputs = True
    supports_anthropic_inputs = True
    supports_pdf_inputs = True
    supports_pdf_tool_message = True

    test_image_inputs = ChatModelIntegrationTests.test_image_inputs
    test_image_tool_message = ChatModelIntegrationTests.test_image_tool_message
    test_audio_inputs = ChatModelIntegrationTests.test_audio_inputs
    test_anthropic_inputs = ChatModelIntegrationTests.test_anthropic_inputs

    @NO_PDF
    def test_pdf_inputs(self, model):
        ChatModelIntegrationTests.test_pdf_inputs(self, model)

    @NO_PDF
    def test_pdf_tool_message(self, model):
        ChatModelIntegrationTests.test_pdf_tool_message(self, model)
