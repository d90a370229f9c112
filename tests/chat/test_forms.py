"""What can be the schema of an answer."""

from dataclasses import dataclass

import pytest

from xinference_magics.chat.structured import Form
from xinference_magics.errors import NotebookError


class Odd:
    """Something that no JSON stands for."""


@dataclass
class Person:
    name: str
    age: int = 0


@dataclass
class Holder:
    odd: Odd


def test_a_dataclass_is_read():
    form = Form.of(Person)
    assert form.asked["title"] == "Person"
    assert form.read({"name": "Ada", "age": "36"}) == Person("Ada", 36)


@pytest.mark.parametrize("schema", [Holder, Odd, 3, {"type": "object"}])
def test_what_is_no_schema_is_said_in_a_line(schema):
    with pytest.raises(
        NotebookError, match=r"is not an answer schema|cannot be used as an answer schema"
    ) as caught:
        Form.of(schema)
    assert "\n" not in str(caught.value)
