"""Which functions of the services change what is stored, found out from the code itself."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
WRITING_METHODS = {"write", "write_together", "whole"}  # of a database
WRITERS = {
    "lensapp.storage.files.whole_file",
    "lensapp.core.config.write_json",
    "shutil.rmtree",
    "shutil.move",
}
KEPT = frozenset({"lensapp.storage.columns.source_columns.write_columns"})  # what anybody's look computes


class Function:
    """A function of the program: what it calls, and whether it writes by itself."""

    def __init__(self, calls: set[str], *, writes: bool, public: bool) -> None:
        self.calls, self.writes, self.public = calls, writes, public


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((PROJECT / "lensapp").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text("utf-8"))


def _names_of(tree: ast.Module, module: str) -> dict[str, str]:
    """Return what each name of a module stands for, as a dotted path."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            names |= {one.asname or one.name: one.name for one in node.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = f"{module}.{node.name}"
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else None
    return None


def _function(node: ast.AST, names: dict[str, str], *, public: bool) -> Function:
    calls, writes = set(), False
    for part in ast.walk(node):
        if isinstance(part, ast.Name | ast.Attribute):
            dotted = _dotted(part, names)
            calls |= {dotted} if dotted else set()
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            owner = ast.unparse(part.func.value)
            writes |= part.func.attr in WRITING_METHODS and "database" in owner.lower()
            writes |= part.func.attr in ("write_text", "write_bytes", "unlink", "rmdir")
    return Function(calls, writes=writes or bool(calls & WRITERS), public=public)


@cache
def functions() -> dict[str, Function]:
    """Return every function and method of the program by its dotted path."""
    made = {}
    for module, tree in _modules():
        names = _names_of(tree, module)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                made[f"{module}.{node.name}"] = _function(node, names, public=node.name[0] != "_")
            elif isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef):
                        made[f"{module}.{node.name}.{method.name}"] = _function(method, names, public=False)
    return made


@cache
def changing(guarded: frozenset[str]) -> frozenset[str]:
    """Return every function from which something that writes is reached, but through a `guarded` one."""
    every = {name: one for name, one in functions().items() if name not in guarded | KEPT}
    reached = {name for name, one in every.items() if one.writes}
    while True:
        more = {name for name, one in every.items() if name not in reached and one.calls & reached}
        if not more:
            return frozenset(reached)
        reached |= more


def called_from_outside() -> frozenset[str]:
    """Return what pages, routes and commands call of the services."""
    outside = [one for name, one in functions().items() if name.startswith(("lensapp.ui.", "lensapp.cli."))]
    called = set().union(*(one.calls for one in outside))
    return frozenset(name for name in called if name.startswith("lensapp.services.") and name in functions())


def changing_services(guarded: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return what changes something and is called from outside the services, but through a `guarded` one."""
    return called_from_outside() & changing(guarded)
