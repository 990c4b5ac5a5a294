"""The stub of the extension is generated, and fresh."""

import subprocess
import sys

import house_files
import pytest

GENERATOR = "src/pykv/_native/stubgen.py"
STUB = "src/pykv/_native/_core.pyi"


def test_the_stub_is_what_the_generator_writes() -> None:
    if not house_files.exists(GENERATOR):
        pytest.skip("there is no Python binding yet")
    assert house_files.exists(STUB), f"{STUB} is missing: make stubs"
    command = [sys.executable, "-m", "pykv._native.stubgen", "--check"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, f"make stubs, and look: {answer.stdout}{answer.stderr}"
