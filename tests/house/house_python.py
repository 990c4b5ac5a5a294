"""A reader of our Python for the house rules, over the syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE_FOLDER = Path("src")


def module_name(path: Path) -> str:
    """Return the dotted name of a module file below src/."""
    parts = path.relative_to(PACKAGE_FOLDER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(text: str, path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import; `from a import b` gives `a.b`."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, line, length in lines) of every function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or node.lineno
            yield node.name, node.lineno, last - node.lineno + 1


def imported_names(tree: ast.AST) -> dict[str, str]:
    """Return what each imported name stands for: `import numpy as np` gives np -> numpy."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                head = alias.name.split(".")[0]
                names[alias.asname or head] = alias.name if alias.asname else head
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def called_name(call: ast.Call, names: dict[str, str]) -> str:
    """Return the full dotted name of a builtin or imported callable that is called, or ``""``."""
    parts: list[str] = []
    node = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or (parts and node.id not in names):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])
