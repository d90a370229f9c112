"""Custom model definitions, read from JSON and YAML, and a server's objections to them."""

import json

import pytest

from xinference_magics.cluster.registrations import Definition
from xinference_magics.errors import BadRequestError

YAML = """
model_name: mine   # a comment
version: 2
model_lang: [en, no]
released: 2026-01-31
model_specs:
- model_format: pytorch
  model_size_in_billions: 1_8
  quantization: none
  model_uri: null
- model_format: ggufv2
  model_size_in_billions: 0.5
"""


def fault_of(text):
    with pytest.raises(BadRequestError) as caught:
        Definition.parse(text, "the cell")
    return str(caught.value)


def refusal(detail, model_type="LLM", **fields):
    definition = Definition.parse(json.dumps({"model_name": "mine", **fields}), "the cell")
    return str(definition.refused(BadRequestError("?", detail=detail), model_type))


def test_json():
    definition = Definition.parse('\n {"model_name": "mine", "n": [1, null]}', "the cell")
    assert definition.name == "mine"
    assert json.loads(definition.body) == {"model_name": "mine", "n": [1, None]}


def test_yaml_is_read_like_json():
    fields = json.loads(Definition.parse(YAML, "the cell").body)
    assert fields["model_lang"] == ["en", "no"]  # not False
    assert fields["released"] == "2026-01-31"
    first, second = fields["model_specs"]
    assert first["model_size_in_billions"] == "1_8"  # not 18
    assert (first["quantization"], first["model_uri"]) == ("none", None)
    assert second["model_size_in_billions"] == "0_5"
    assert fields["version"] == 2


@pytest.mark.parametrize(("size", "sent"), [(0.5, "0_5"), ("1.8", "1_8"), (7.0, 7), (7, 7)])
def test_sizes_are_spelt_as_the_server_does(size, sent):
    text = json.dumps({"model_specs": [{"model_size_in_billions": size}]})
    assert Definition.parse(text, "x").fields["model_specs"][0]["model_size_in_billions"] == sent


def test_a_fault_is_reported_with_its_line():
    assert "The JSON in the cell is invalid at line 2, column 8" in fault_of('{"a": 1,\n "oops"}')
    assert "The YAML in the cell is invalid at line 3" in fault_of("a: 1\nb: [\n")
    assert "line 1" in fault_of("a: b: c")


@pytest.mark.parametrize("text", ["hello", "- a\n- b", "42", "# nothing"])
def test_text_that_is_not_a_mapping_is_refused(text):
    assert "the cell contains no model definition. Write a JSON or YAML mapping" in fault_of(text)


def test_yaml_runs_nothing():
    assert "could not determine a constructor" in fault_of("a: !!python/object/apply:os.abort []")


def test_deep_nesting_does_not_crash():
    assert "nested too deeply" in fault_of('{"a":' + "[" * 200_000)


def test_missing_fields_are_named_together():
    report = (
        "2 validation errors for CustomLLMFamilyV2 version field required "
        "(type=value_error.missing) model_lang field required (type=value_error.missing)"
    )
    assert (
        refusal(report)
        == "mine is not a valid model definition of type LLM: missing version, model_lang."
    )
    assert "Is it of type embedding?" in refusal(report, dimensions=3)
    assert "-t" not in refusal(report, model_type="embedding", dimensions=3)


# A server reports a specification without a quantization once for each kind it could be.
UNION = (
    "5 validation errors for CustomLLMFamilyV2 model_specs -> 0 -> model_format unexpected value; "
    "permitted: 'ggufv2' (type=value_error.const; given=pytorch; permitted=('ggufv2',)) "
    "model_specs -> 0 -> quantization field required (type=value_error.missing) "
    "model_specs -> 0 -> model_file_name_template field required (type=value_error.missing) "
    "model_specs -> 0 -> quantization field required (type=value_error.missing) "
    "model_specs -> 0 -> model_format unexpected value; permitted: 'mlx' (type=value_error.const; "
    "given=pytorch; permitted=('mlx',))"
)


def test_faults_of_other_kinds_of_specifications_are_left_out():
    said = refusal(UNION, model_specs=[{"model_format": "pytorch"}])
    assert said.endswith(": missing model_specs.0.quantization.")
    said = refusal(UNION, model_specs=[{"model_format": "gguf"}])
    assert "model_specs.0.model_format: gguf is not one of ggufv2, pytorch" in said


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        ("Invalid model URI file:///x.", "found nothing at the model_uri file:///x."),
        ("Invalid model name a b.", "'a b' is not a valid model_name."),
        ("Unsupported model type: video", "accepts no registrations of type video."),
        (
            "`model_family` for tool call model must be one of the following values: qwen3, glm-5",
            "qwen33 is not a model_family for tool call models. Did you mean qwen3?",
        ),
    ],
)
def test_other_refusals_say_what_to_change(detail, says):
    assert says in refusal(detail, "video", model_family="qwen33")
