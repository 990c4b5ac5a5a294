"""docs/c_api.md shows the example that is compiled, and names every function of pykv.h."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT, blocks_of

TEXT = (ROOT / "docs" / "c_api.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_is_the_one_that_is_compiled() -> None:
    example = (ROOT / "tests" / "c" / "api" / "example.c").read_text(encoding="utf-8")
    assert example in {block.text for block in blocks_of("docs/c_api.md") if block.language == "c"}


def test_every_function_of_the_header_is_named_and_no_other() -> None:
    header = (ROOT / "src" / "pykv" / "_native" / "pykv.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"\b(pykv_\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)))
    listed = TEXT.partition("## What there is")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(pykv_\w+)`", listed))
    assert named == declared


def test_every_constant_of_the_page_is_one_of_the_header() -> None:
    header = (ROOT / "src" / "pykv" / "_native" / "pykv.h").read_text(encoding="utf-8")
    constants = set(re.findall(r"\bPYKV_[A-Z_]+\b", TEXT))
    assert constants
    assert constants <= set(re.findall(r"\bPYKV_[A-Z_]+\b", header))
