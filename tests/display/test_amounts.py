"""Human-readable amounts."""

import pytest

from xinference_magics.display.amounts import Bytes, duration, percent, size, used


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (25276510208, "23.5 GiB"),
        (1024**2 - 1, "1.0 MiB"),
        (3 * 1024**4, "3.0 TiB"),
    ],
)
def test_sizes(amount, written):
    assert size(amount) == written


def test_a_size_is_also_a_number():
    total = Bytes(1024) + Bytes(512)
    assert total == 1536
    assert f"{Bytes(total):,}" == str(Bytes(total)) == "1.5 KiB"


def test_how_much_is_used():
    assert used(8 * 1024**3, 16 * 1024**3) == "8.0 of 16.0 GiB"
    assert used(8 * 1024**2, 16 * 1024**3) == "8.0 MiB of 16.0 GiB"
    assert used(None, 1024) == "1.0 KiB"
    assert used(None, None) is None


def test_shares_and_times():
    assert percent(0.256) == "26%"
    assert percent(None) is None
    assert [duration(each) for each in (4, 61, 7300, 200_000, None)] == [
        "4 s", "1 min", "2 h", "2 d", None,
    ]  # fmt: skip
