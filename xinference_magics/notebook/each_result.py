"""Show the result of each of our line magics in a cell, not only that of the last one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOW = "get_ipython().magics_manager.registry[{!r}].show_result(value)"


class EachResult(ast.NodeTransformer):
    """Passes what our magics return, where it would be dropped, to `show_result`.

    The last expression of a cell is left to IPython, which shows its value.

    Args:
        owner: The name under which our magics are registered.
        is_ours: Whether a line magic is ours.
    """

    def __init__(self, owner: str, is_ours: Callable[[str], bool]) -> None:
        self._owner = owner
        self._is_ours = is_ours

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Visit every statement except an expression at the end."""
        last = node.body[-1:] if node.body and isinstance(node.body[-1], ast.Expr) else []
        first = node.body[: len(node.body) - len(last)]
        node.body = [*map(self.visit, first), *last]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        """Show the value of a statement that is only a call of one of our magics."""
        if not self._is_call(node.value):
            return node
        shown = ast.parse(_SHOW.format(self._owner), mode="eval").body
        assert isinstance(shown, ast.Call)  # noqa: S101 - as it is written above
        for each in ast.walk(shown):
            ast.copy_location(each, node)
        shown.args = [node.value]
        return ast.copy_location(ast.Expr(shown), node)

    def _is_call(self, value: ast.expr) -> bool:
        return (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "run_line_magic"
            and bool(value.args)
            and isinstance(value.args[0], ast.Constant)
            and self._is_ours(str(value.args[0].value))
        )


def show(value: Any, interactivity: str) -> Any:
    """Show what a magic returned, except a name, which its command has said.

    Args:
        value: The value.
        interactivity: Which values IPython shows: its `ast_node_interactivity`.

    Returns:
        The value, if IPython is configured to show it itself.
    """
    if interactivity == "all":
        return value
    if interactivity != "none" and value is not None and not isinstance(value, str):
        from IPython.display import display

        display(value)  # type: ignore[no-untyped-call]
    return None
