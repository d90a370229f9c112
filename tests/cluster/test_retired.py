"""Names and formats from older documentation, and how they are explained."""

import pytest

from xinference_magics.cluster.launching.engine_choice import Choice
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.launching.renamed_models import explain
from xinference_magics.errors import BadRequestError

KNOWN = ["llama-2-chat", "qwen2.5-instruct", "glm4-chat", "internlm3-instruct", "gpt-2"]


def offers(request):
    """Offer each model as ggufv2 of size 7, as a server would."""
    if request.quantization not in (None, "q4_0") or request.model_size_in_billions not in (
        None,
        7,
    ):
        raise BadRequestError("not offered")
    return Choice("llama.cpp", "ggufv2", "7", "q4_0")


POSSIBLE = (
    "LaunchRequest(model_name='llama-2-chat', model_format='ggufv2', model_size_in_billions='7', "
    "quantization='q4_0')"
)


def explained(name, **given):
    error = explain(LaunchRequest(model_name=name, **given), KNOWN, offers)
    return None if error is None else str(error)


def test_a_retired_model_in_a_retired_format_leads_to_a_launch_that_works():
    assert explained("vicuna-v1.3", model_format="ggmlv3") == (
        "vicuna-v1.3 is no longer in Xinference's registry, and ggmlv3 is now ggufv2. "
        f"Similar models: llama-2-chat. {POSSIBLE}"
    )


@pytest.mark.parametrize("given", [{"quantization": "q4_1"}, {"model_size_in_billions": 13}])
def test_options_that_the_new_model_lacks_are_left_out(given):
    assert explained("vicuna-v1.5", **given).endswith(POSSIBLE)


@pytest.mark.parametrize("name", ["optic", "my-vicuna", "intern", "unheard-of"])
def test_a_name_that_never_existed_is_not_explained(name):
    assert explained(name) is None


def test_a_misspelt_current_name_is_not_taken_for_an_old_one():
    assert explained("internlm3-instrct") is None


def test_without_a_successor_on_the_server_nothing_is_promised():
    assert explain(LaunchRequest(model_name="vicuna"), ["gpt-2"], offers) is None
