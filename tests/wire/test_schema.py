import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import TypedDict

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.schema import misfit, refuse_no_schema

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "friends": {"type": "array", "items": {"$ref": "#/$defs/friend"}},
    },
    "required": ["name", "age"],
    "$defs": {"friend": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
ADA = {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ADA, None),
        ({**ADA, "friends": [{"name": "Bob"}], "more": 1}, None),
        ({**ADA, "friends": None}, None),
        ({**ADA, "friends": [{"name": None}]}, None),
        ({"name": "Ada"}, "'age' is a required property"),
        ({**ADA, "age": None}, "age: None is not of type 'integer'"),
        ({**ADA, "age": "36"}, "age: '36' is not of type 'integer'"),
        ({**ADA, "age": -1}, "age: -1 is less than the minimum of 0"),
        ({**ADA, "friends": [{"name": 1}]}, "friends.0.name: 1 is not of type 'string'"),
        ([ADA], "[{'name': 'Ada', 'age': 36}] is not of type 'object'"),
    ],
)
def test_what_fits(answer, said):
    assert misfit(answer, PERSON) == said


def test_optional_values_of_a_typed_dict():
    class Person(TypedDict):
        """A person."""

        name: str
        nickname: str | None

    schema = convert_to_openai_tool(Person)["function"]["parameters"]
    assert misfit({"name": "Ada", "nickname": None}, schema, nulls=True) is None
    assert misfit({"name": "Ada", "nickname": 1}, schema, nulls=True)
    assert misfit({"name": "Ada"}, schema, nulls=True)


def test_what_is_no_schema():
    refuse_no_schema(PERSON)
    with pytest.raises(BadRequestError, match=r"no JSON schema: properties\.a\.type: 'text'"):
        refuse_no_schema({"properties": {"a": {"type": "text"}}})


def test_a_schema_that_is_elsewhere_is_not_fetched():
    schema = {"properties": {"age": {"$ref": "https://example.com/age.json"}}}
    with pytest.raises(BadRequestError, match=r"refers to https://example\.com/age\.json"):
        misfit(ADA, schema)
