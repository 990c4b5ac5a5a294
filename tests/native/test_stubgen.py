"""The stub that tells mypy what the extension has."""

import ast
import sys
from pathlib import Path

import pytest

from pykv._native import lib, stubgen


def declared() -> dict[str, ast.FunctionDef | ast.AnnAssign]:
    """What the class of lib has in the stub, by name."""
    tree = ast.parse(stubgen.stub_text())
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    found: dict[str, ast.FunctionDef | ast.AnnAssign] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            assert isinstance(node.target, ast.Name)
            found[node.target.id] = node
    return found


def test_the_stub_has_every_name_of_the_extension() -> None:
    assert set(declared()) == set(dir(lib))


def test_a_constant_is_an_int() -> None:
    node = declared()["PYKV_KEY_BYTES_MAX"]
    assert isinstance(node, ast.AnnAssign)
    assert ast.unparse(node.annotation) == "int"


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("pykv_put", ["Pointer", "Bytes", "int", "Bytes", "int", "int"], "int"),
        ("pykv_open", ["Bytes", "Pointer", "Pointer"], "int"),
        ("pykv_free", ["Pointer"], "None"),
        ("pykv_last_error", [], "Any"),
    ],
)
def test_a_function_has_its_arity_and_result(name: str, arguments: list[str], result: str) -> None:
    node = declared()[name]
    assert isinstance(node, ast.FunctionDef)
    assert node.returns is not None
    assert ast.unparse(node.returns) == result
    types = [each.annotation for each in node.args.posonlyargs[1:]]
    assert [ast.unparse(each) for each in types if each is not None] == arguments


def test_lines_are_short() -> None:
    assert max(map(len, stubgen.stub_text().split("\n"))) <= 100


def test_a_check_finds_a_stub_that_is_absent_or_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = tmp_path / "_core.pyi"
    monkeypatch.setattr(stubgen, "STUB", stub)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["stubgen", *arguments])
        return stubgen.main()

    assert run("--check") == 1
    assert "make stubs" in capsys.readouterr().out
    assert not stub.exists()
    assert run() == 0
    assert run("--check") == 0
    stub.write_text(stub.read_text().replace("pykv_put", "pykv_putt"))
    assert run("--check") == 1
