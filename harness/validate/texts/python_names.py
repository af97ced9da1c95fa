"""Names in Python that nothing defines, as Python's own compiler sees them."""

import ast
import builtins
import symtable
from collections.abc import Iterator
from typing import Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import TextError

_GIVEN: Final = frozenset(
    {
        *dir(builtins),
        *("__file__", "__path__", "__annotations__", "__builtins__", "__module__", "__qualname__", "__class__"),
        # What programs put into the files that they run: Jupyter and IPython, PySpark's shell, notebooks.
        *("c", "get_config", "load_subconfig", "get_ipython", "display", "spark", "sc", "sqlContext", "dbutils"),
    }
)
_DYNAMIC: Final = frozenset({"exec", "globals", "vars", "locals", "setattr", "NameError"})
"""With these, a name may be defined that no statement shows, or its lack is expected."""


def undefined(text: str) -> TextError | None:
    r"""The first name that is used and that nothing defines; None where anything may.

    >>> str(undefined("import os\n\ndef run():\n    return so.environ\n"))
    'the name so is not defined: use os'
    """
    tree = ast.parse(text)
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return None
    tables = list(_tables(symtable.symtable(text, "text", "exec")))
    module = tables[0]
    defined = {symbol.get_name() for symbol in module.get_symbols() if _is_bound(symbol)} | {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_declared_global() and _is_bound(symbol)
    }
    used = {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_referenced() and not _is_bound(symbol) and (symbol.is_global() or table is module)
    }
    missing = used - defined - _GIVEN
    if not missing or used & _DYNAMIC:
        return None
    for node in sorted(_names(tree), key=lambda name: (name.lineno, name.col_offset)):
        if node.id in missing:
            close = closest(node.id, sorted(defined), 0.75)
            return TextError(
                f"the name {node.id} is not defined" + (f": use {close}" if close else ""), node.lineno
            )
    return None


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_parameter() or symbol.is_namespace()


def _names(tree: ast.AST) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
