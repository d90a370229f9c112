"""Measure the shape of Python packages: the sizes of files and functions, and what fills them.

    python benchmarks/structure.py                       this package
    python benchmarks/structure.py httpx svcs PATH ...   beside installed packages, or folders

For each package it prints the number of files and lines, the median file, the median, 90th
percentile and longest function (code lines, without docstrings and blank lines), and the shares of
the lines that are comments (without ``noqa`` and ``type:`` markers), docstrings, and headers (all
lines before a file's first definition); then the private functions that only one place uses.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import statistics
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import NamedTuple, TypeAlias

_MARKER = re.compile(r"#\s*(noqa|type:|fmt:|pragma)")
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Shape(NamedTuple):
    """The shape of a package."""

    files: int
    lines: int
    median_file: float
    functions: tuple[float, int, int]
    comments: float
    docstrings: float
    headers: float
    used_once: tuple[int, int]


class _File(NamedTuple):
    text: str
    tree: ast.Module


def measured(folder: Path) -> Shape:
    """Measure all Python files below `folder`, except its tests."""
    files = [_read(path) for path in sorted(folder.rglob("*.py")) if "tests" not in path.parts]
    lines = [file.text.count("\n") for file in files]
    lengths = sorted(length for file in files for length in _function_lengths(file))
    total = sum(lines) or 1
    return Shape(
        len(files),
        sum(lines),
        statistics.median(lines),
        (statistics.median(lengths), lengths[len(lengths) * 9 // 10], lengths[-1]),
        sum(map(_comments, files)) / total,
        sum(_docstring_lines(file.tree) for file in files) / total,
        sum(map(_header, files)) / total,
        _used_once(files),
    )


def _read(path: Path) -> _File:
    text = path.read_text(encoding="utf-8")
    return _File(text, ast.parse(text))


def _functions(tree: ast.AST) -> list[_Function]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def _function_lengths(file: _File) -> list[int]:
    lines = file.text.splitlines()
    return [
        sum(bool(line.strip()) for line in lines[each.lineno - 1 : each.end_lineno])
        - (_span(each.body[0]) if ast.get_docstring(each) is not None else 0)
        for each in _functions(file.tree)
    ]


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _comments(file: _File) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(file.text).readline)
    return sum(t.type == tokenize.COMMENT and not _MARKER.match(t.string) for t in tokens)


def _docstring_lines(tree: ast.AST) -> int:
    """Count the lines of docstrings, those of attributes included."""
    return sum(
        _span(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _header(file: _File) -> int:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    first = next((node for node in file.tree.body if isinstance(node, kinds)), None)
    if first is None:
        return file.text.count("\n")
    decorators = getattr(first, "decorator_list", [])
    return min([first.lineno, *(each.lineno for each in decorators)]) - 1


def _used_once(files: list[_File]) -> tuple[int, int]:
    """Return how many private functions of a module are named once beside their definition."""
    once = total = 0
    for file in files:
        named = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(file.tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        private = [f.name for f in _functions(file.tree) if re.match("_[a-z]", f.name)]
        once += sum(named[name] == 1 for name in private)
        total += len(private)
    return once, total


def _folder(name: str) -> Path:
    """Find a folder, or the one of an installed package.

    Raises:
        SystemExit: There is neither.
    """
    if Path(name).is_dir():
        return Path(name)
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"{name} is neither a folder nor an installed package.")
    return Path(found.submodule_search_locations[0])


def main(names: list[str]) -> None:
    """Print a row of a Markdown table for each package."""
    rows = ["package", "files", "lines", "median file", "function median / p90 / longest"]
    rows += ["comments", "docstrings", "headers", "private functions used once"]
    sys.stdout.write(f"| {' | '.join(rows)} |\n|{'---|' * len(rows)}\n")
    for name in names:
        shape = measured(_folder(name))
        cells = [
            Path(name).name,
            f"{shape.files:,}",
            f"{shape.lines:,}",
            f"{shape.median_file:.0f}",
            "{:.0f} / {} / {}".format(*shape.functions),
            *(f"{share:.1%}" for share in (shape.comments, shape.docstrings, shape.headers)),
            "{} of {}".format(*shape.used_once),
        ]
        sys.stdout.write(f"| {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main(sys.argv[1:] or [str(Path(__file__).parents[1] / "xinference_magics")])
