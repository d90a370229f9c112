"""What people type into chat cells, and what nobody would type: all of it must arrive unchanged."""

from hypothesis import strategies as st

PIECES = st.sampled_from(
    [
        *('{"a": {"b": [1, 2]}}', "{country}", "{country!r:>{width}}", "f'{x}'", "${HOME}", "$x"),
        *(r"\frac{a}{b}", r"$\int_0^1$", "\\", "\\\\", "\\n", r"C:\new\table", "\\{", "}}", "}}}"),
        *("?", "??", "!ls", "%time", "%%timeit", "# comment", "#", ";", "= !ls", "x = %pwd"),
        *("'", '"', "'''", '"""', "it's", 'say "yes', "(", "[", ")", "`", "```"),
        *(">>> 1 + 1", "... 2", "In [1]: x", "Out[1]: y", "--new", "-t 0", "<<", "--"),
        *("\t", "  ", "\u2028", "\x0b", "\x0c", "\x1c", "\x85", "\r", "\x00", "\x1b[31m"),
        *("é", "e\u0301", "世界", "😀", "\u202e", "\ufeff", "\ue000", "\U0010ffff"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=8) | st.just("\n"), max_size=12).map("".join)


def is_prompt(text):
    return "{{" not in text and text.strip() != ""


PROMPTS = TEXTS.filter(is_prompt)
"""Prompts without placeholders."""
