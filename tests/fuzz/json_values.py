"""JSON as no server should send it: any value, or a right one in which something is wrong."""

import copy

from hypothesis import strategies as st

TEXT = st.text(max_size=12) | st.sampled_from(["", "0", "nan", "\x1b[2J", "<b>", "${x}", "\ud800"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.sampled_from([0, -1, 1e308, 10**400])
    | TEXT
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DEEP = "[" * 5000 + "]" * 5000


@st.composite
def wrong(draw, right, *, most=3):
    """`right`, a strategy or a value, with up to `most` of its parts lost, doubled or replaced."""
    value = copy.deepcopy(draw(right) if isinstance(right, st.SearchStrategy) else right)
    for _ in range(draw(st.integers(1, most))):
        value = _spoilt(draw, value)
    return value


def _spoilt(draw, value):
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return copy.deepcopy(draw(ANYTHING))
    places = list(value) if isinstance(value, dict) else range(len(value))
    place = draw(st.sampled_from(places))
    change = draw(st.sampled_from(["into", "into", "into", "lose", "more"]))
    if change == "lose":
        del value[place]
    elif change == "more" and isinstance(value, list):
        value.insert(place, copy.deepcopy(draw(ANYTHING)))
    elif change == "more":
        value[draw(TEXT)] = copy.deepcopy(draw(ANYTHING))
    else:
        value[place] = _spoilt(draw, value[place])
    return value
