"""`pykv scan` lists rows."""

import json
from pathlib import Path

import pytest

from pykv.cli.failures import Exit
from tests.cli.conftest import Run


def lines(text: str) -> list[str]:
    return sorted(text.splitlines())


def test_rows_are_lines_of_key_tab_value(run: Run, database: Path) -> None:
    result = run("scan", database)
    assert result.exit_code == Exit.GOOD
    assert lines(result.stdout) == ["\\xff\\x00\tbytes \\xfe", "one\t1", "two\t2"]


def test_keys_or_values_alone(run: Run, database: Path) -> None:
    assert lines(run("scan", database, "--keys").stdout) == ["\\xff\\x00", "one", "two"]
    assert lines(run("scan", database, "--values").stdout) == ["1", "2", "bytes \\xfe"]
    assert run("scan", database, "--keys", "--values").exit_code == Exit.USAGE


def test_formats_are_those_asked_for(run: Run, database: Path) -> None:
    shown = run("scan", database, "--key-format", "hex", "--value-format", "base64").stdout
    assert lines(shown) == ["6f6e65\tMQ==", "74776f\tMg==", "ff00\tYnl0ZXMg/g=="]
    result = run("scan", database, "--key-format", "utf8")
    assert result.exit_code == Exit.USAGE
    assert "choose escape, hex or base64" in result.stderr


def test_json_has_an_object_for_each_row(run: Run, database: Path) -> None:
    rows = [json.loads(line) for line in lines(run("scan", database, "--json").stdout)]
    assert {"key": "one", "value": "1"} in rows
    assert {"key_base64": "/wA=", "value_base64": "Ynl0ZXMg/g=="} in rows
    keys = [json.loads(line) for line in lines(run("scan", database, "--json", "--keys").stdout)]
    assert {"key": "two"} in keys


def test_a_limit_stops_early(run: Run, database: Path) -> None:
    assert len(run("scan", database, "--limit", "2").stdout.splitlines()) == 2
    assert run("scan", database, "--limit", "0").stdout == ""


@pytest.mark.parametrize(
    "args", [["--prefix", "o"], ["--start", "a"], ["--stop", "b"], ["--reverse"]]
)
def test_an_order_that_the_engine_has_not_is_refused(
    run: Run, database: Path, args: list[str]
) -> None:
    result = run("scan", database, *args)
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert "no order" in result.stderr


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        ([], ["one", "three", "two", "\\xff\\x00"]),
        (["--reverse"], ["\\xff\\x00", "two", "three", "one"]),
        (["--prefix", "t"], ["three", "two"]),
        (["--start", "three"], ["three", "two", "\\xff\\x00"]),
        (["--stop", "two"], ["one", "three"]),
        (["--start", "p", "--stop", "tw", "--reverse"], ["three"]),
        (["--reverse", "--limit", "2"], ["\\xff\\x00", "two"]),
        (["--start", "\\xff"], ["\\xff\\x00"]),
        (["--prefix", "x"], []),
    ],
)
def test_an_engine_with_order_takes_bounds(
    run: Run, ordered: Path, args: list[str], keys: list[str]
) -> None:
    result = run("scan", ordered, "--keys", *args)
    assert (result.exit_code, result.stdout.splitlines()) == (Exit.GOOD, keys)


def test_bounds_are_written_as_keys_are(run: Run, ordered: Path) -> None:
    args = ("--key-format", "hex", "--start", b"two".hex(), "--values")
    assert run("scan", ordered, *args).stdout.splitlines() == ["2", "bytes \\xfe"]


def test_a_bound_out_of_form_is_refused(run: Run, database: Path) -> None:
    result = run("scan", database, "--start", "xyz", "--key-format", "hex")
    assert result.exit_code == Exit.USAGE
    assert "start 'xyz' is not hex" in result.stderr


def test_a_damaged_row_ends_the_scan_with_exit_code_3(run: Run, damaged: Path) -> None:
    result = run("scan", damaged)
    assert result.exit_code == Exit.CORRUPTION
    assert "damaged" not in result.stdout
