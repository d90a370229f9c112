"""JSON that no server should send: any value, or a valid one in which something is wrong.

A random generator makes each value from a seed, because drawing its parts one by one took most of
the time of a case. Failing values are shown as they are, and they are small.
"""

import copy
import struct
from random import Random

from hypothesis import strategies as st

SEEDS = st.binary(min_size=8, max_size=8)
TEXTS = ("", "0", "nan", "\x1b[2J", "<b>", "${x}", "\ud800")
RANGES = ((0x20, 0x7F), (0, 0x20), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x110000))
DEEP = "[" * 5000 + "]" * 5000


def text(chance):
    if chance.random() < 0.5:
        return chance.choice(TEXTS)
    size = chance.randrange(13)
    return "".join(chr(chance.randrange(*chance.choice(RANGES))) for _ in range(size))


def integer(chance):
    limit = 10 ** chance.randrange(21)
    return chance.randint(-limit, limit)


LEAVES = (
    lambda _: None,
    lambda chance: chance.random() < 0.5,
    integer,
    lambda chance: struct.unpack("d", chance.randbytes(8))[0],
    lambda chance: chance.uniform(-2, 2),
    lambda chance: chance.choice((0, -1, 1e308, 10**400, float("nan"), float("inf"))),
    text,
    text,
)


def anything(chance, depth=0):
    """Return any value, nested at most three times."""
    kind = chance.randrange(3) if depth < 3 else 0
    if kind == 1:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 2:
        return {text(chance): anything(chance, depth + 1) for _ in range(chance.randrange(4))}
    return chance.choice(LEAVES)(chance)


def spoilt(chance, value):
    """Return `value` with one of its parts removed, added or replaced."""
    if not isinstance(value, dict | list) or not value or chance.randrange(6) == 0:
        return anything(chance)
    place = chance.choice([*value] if isinstance(value, dict) else range(len(value)))
    change = chance.choice(("into", "into", "into", "lose", "more"))
    if change == "lose":
        del value[place]
    elif change == "more" and isinstance(value, list):
        value.insert(place, anything(chance))
    elif change == "more":
        value[text(chance)] = anything(chance)
    else:
        value[place] = spoilt(chance, value[place])
    return value


ANYTHING = SEEDS.map(lambda seed: anything(Random(seed)))  # noqa: S311


def wrong(right, *, most=3):
    """Return a strategy for `right`, a strategy or a value, with up to `most` parts spoilt."""

    def spoil(drawn):
        value, seed = drawn
        chance, value = Random(seed), copy.deepcopy(value)  # noqa: S311
        for _ in range(chance.randint(1, most)):
            value = spoilt(chance, value)
        return value

    chosen = right if isinstance(right, st.SearchStrategy) else st.just(right)
    return st.tuples(chosen, SEEDS).map(spoil)
