"""Choosing an engine from the server's answers."""

import pytest

from xinference_magics.cluster.launching.engine_choice import Engines, Offer, choose
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import BadRequestError

ABSENT = {"virtualenv_required": True, "virtualenv_reason": "Engine vLLM is not installed ..."}


def spec(model_format, size, *quantizations, **more):
    return {
        "model_name": "qwen2.5-instruct",
        "model_format": model_format,
        "model_size_in_billions": size,
        "quantizations": list(quantizations),
        **more,
    }


QWEN = Engines.from_json(
    "qwen2.5-instruct",
    {
        "vLLM": [spec("pytorch", "0_5", "none", **ABSENT), spec("gptq", 7, "Int4", **ABSENT)],
        "Transformers": [
            spec("pytorch", "0_5", "none"),
            spec("pytorch", 7, "none"),
            spec("gptq", "0_5", "Int4", "Int8"),
        ],
        "llama.cpp": [
            spec("ggufv2", "0_5", "q2_k", "q4_0", "q4_k_m"),
            spec("ggufv2", 7, "q2_k", "q4_0"),
        ],
        "MLX": "Engine MLX is not listed in model virtualenv packages.",
    },
)


def chosen(engines=QWEN, **given):
    choice = choose(LaunchRequest(model_name="qwen2.5-instruct", **given), engines)
    return choice.engine, choice.format, choice.size, choice.quantization


def refused(**given):
    with pytest.raises(BadRequestError) as caught:
        chosen(**given)
    return str(caught.value)


def test_a_reason_instead_of_a_list_is_kept():
    assert QWEN.unavailable == {"MLX": "Engine MLX is not listed in model virtualenv packages."}
    assert "MLX" not in {offer.engine for offer in QWEN.offers}


def test_other_types_have_one_quantization_and_no_size():
    bge = Engines.from_json(
        "bge-m3",
        {
            "sentence_transformers": [
                {
                    "model_name": "bge-m3",
                    "model_format": "pytorch",
                    "model_size_in_billions": None,
                    "quantization": "none",
                }
            ],
            "flag": "Failed to import FlagEmbedding: No module named 'FlagEmbedding'",
        },
    )
    assert bge.offers == (Offer("sentence_transformers", "pytorch", None, "none"),)
    assert chosen(bge) == ("sentence_transformers", "pytorch", None, "none")


def test_an_installed_engine_comes_first():
    assert chosen() == ("Transformers", "pytorch", "0_5", "none")


def test_a_named_engine_is_chosen_in_any_case():
    assert chosen(model_engine="VLLM") == ("vLLM", "pytorch", "0_5", "none")
    assert chosen(model_engine="LLAMA.CPP")[0] == "llama.cpp"


@pytest.mark.parametrize("size", [7, "7", 7.0, "7.0"])
def test_sizes_are_read_in_every_spelling(size):
    assert chosen(model_size_in_billions=size) == ("Transformers", "pytorch", "7", "none")


@pytest.mark.parametrize("size", [0.5, "0.5", "0_5"])
def test_fractions_too(size):
    assert chosen(model_size_in_billions=size, model_format="gptq")[2] == "0_5"


def test_a_quantization_alone_finds_its_engine_and_format():
    assert chosen(quantization="INT8") == ("Transformers", "gptq", "0_5", "Int8")
    assert chosen(quantization="q4_0") == ("llama.cpp", "ggufv2", "0_5", "q4_0")


def test_the_usual_quantization_is_chosen():
    assert chosen(model_format="ggufv2")[3] == "q4_k_m"
    assert chosen(model_format="ggufv2", model_size_in_billions=7)[3] == "q2_k"


def test_the_choice_is_reported():
    request = LaunchRequest(
        model_name="qwen2.5-instruct", model_format="ggufv2", quantization="q4_0"
    )
    assert choose(request, QWEN).said == "Chosen: engine llama.cpp, size 0_5."
    request = LaunchRequest(model_name="qwen2.5-instruct", model_format="gptq")
    assert choose(request, QWEN).said == (
        "Chosen: engine Transformers, size 0_5, quantization Int4. "
        "Other engines (model_engine): vLLM (not installed)."
    )


def test_an_engine_that_must_be_installed_is_reported():
    choice = choose(LaunchRequest(model_name="qwen2.5-instruct", model_engine="vllm"), QWEN)
    assert not choice.installed
    assert "vLLM is not installed there; the server will install it first." in choice.said


def test_nothing_is_reported_if_nothing_was_chosen():
    request = LaunchRequest(
        model_name="qwen2.5-instruct",
        model_engine="llama.cpp",
        model_format="ggufv2",
        model_size_in_billions="0_5",
        quantization="q4_0",
    )
    assert choose(request, QWEN).said == ""


def test_an_impossible_choice_is_refused_with_the_possible_ones():
    assert refused(model_format="ggufv2", model_size_in_billions="0_5", quantization="q4_1") == (
        "quantization q4_1 is not offered for qwen2.5-instruct model_format ggufv2 "
        "model_size_in_billions 0_5. Did you mean q4_0, q4_k_m? Available: q2_k, q4_0, q4_k_m."
    )
    assert refused(model_format="ggmlv3") == (
        "model_format ggmlv3 is not offered for qwen2.5-instruct. ggmlv3 is now called ggufv2: use "
        "model_format ggufv2. Available: pytorch, gptq, ggufv2."
    )
    assert "Available: 0_5, 7." in refused(model_size_in_billions=3, model_format="ggufv2")
    assert refused(model_engine="llama.cpp", model_format="gptq") == (
        "model_format gptq is not offered for qwen2.5-instruct model_engine llama.cpp. "
        "It is offered with model_engine vLLM or Transformers. Available: ggufv2."
    )


def test_an_engine_that_is_not_available_is_refused_with_the_reason():
    said = refused(model_engine="mlx")
    assert "model_engine mlx is not offered for qwen2.5-instruct: Engine MLX is not listed" in said
    assert "Available: vLLM, Transformers, llama.cpp." in said


def test_types_that_the_server_resolves_are_checked_and_left_open():
    image = Engines.from_json("sd", {"diffusers": [{"model_name": "sd", "quantization": "none"}]})
    asked = LaunchRequest(model_name="sd", model_type="image")
    assert choose(asked, image).applied_to(asked) == asked
    with pytest.raises(BadRequestError, match=r"model_engine difusers .*Did you mean diffusers"):
        choose(LaunchRequest(model_name="sd", model_type="image", model_engine="difusers"), image)


def test_a_type_without_engines_is_launched_as_requested():
    asked = LaunchRequest(model_name="x", model_type="flexible")
    assert choose(asked, None).applied_to(asked) == asked


def test_a_model_without_any_engine():
    with pytest.raises(BadRequestError, match=r"model_engine mlx cannot run m: why\."):
        choose(
            LaunchRequest(model_name="m", model_engine="mlx"),
            Engines.from_json("m", {"MLX": "why"}),
        )
    with pytest.raises(BadRequestError, match=r"can run m\. MLX: why"):
        choose(LaunchRequest(model_name="m"), Engines.from_json("m", {"MLX": "why"}))


def test_the_choice_fills_in_the_request():
    request = LaunchRequest(model_name="qwen2.5-instruct", quantization="Q4_0", replica=2)
    body = choose(request, QWEN).applied_to(request).body()
    assert body["model_engine"] == "llama.cpp"
    assert body["model_size_in_billions"] == "0_5"
    assert body["quantization"] == "q4_0"
    assert body["replica"] == 2


def test_a_vision_model_is_started_with_its_projector():
    see = {"multimodal_projectors": ["mmproj-F16.gguf", "mmproj-F32.gguf"]}
    engines = Engines.from_json("see", {"llama.cpp": [spec("ggufv2", 4, "q4_k_m", **see)]})
    request = LaunchRequest(model_name="see")
    choice = choose(request, engines)
    assert "projector mmproj-F16.gguf" in choice.said
    assert choice.applied_to(request).extra == {"multimodal_projector": "mmproj-F16.gguf"}
    typed = LaunchRequest(model_name="see", extra={"multimodal_projector": "mmproj-F32.gguf"})
    assert "projector" not in choose(typed, engines).said
    assert choice.applied_to(typed).extra == typed.extra


def test_a_server_without_engines_says_only_that():
    with pytest.raises(BadRequestError) as caught:
        choose(LaunchRequest(model_name="foo"), Engines.from_json("foo", {}))
    assert str(caught.value) == "No engine of this server can run foo."
