"""Results survive their file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benches.results import Results, ResultsError


def test_what_is_saved_is_loaded(make_results: Callable[..., Results], tmp_path: Path) -> None:
    results = make_results({"put": {"lmdb": [2.0, 3.5]}, "get": {"pykv": [0.5]}})
    results.notes.append("brackets [1, 2] in a note stay")
    path = tmp_path / "new" / "results.json"
    results.save(path)
    assert Results.load(path) == results


def test_a_row_is_a_line_of_the_file(make_results: Callable[..., Results], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    make_results({"put": {"lmdb": [2.0, 3.5]}}).save(path)
    assert '"lmdb": [2.0, 3.5]' in path.read_text()


def test_samples_are_added_round_by_round(make_results: Callable[..., Results]) -> None:
    results = make_results({})
    results.add("put", "lmdb", 1.0)
    results.add("put", "lmdb", 2.123456789)
    assert results.samples == {"put": {"lmdb": [1.0, 2.12346]}}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}', "null"])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match=r"other\.json"):
        Results.load(path)


def test_the_file_says_its_format(make_results: Callable[..., Results], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    make_results({}).save(path)
    assert json.loads(path.read_text())["format"] == 1
