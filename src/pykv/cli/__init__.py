"""The `pykv` command. `main` is its entry point; each command is a module of its name."""

from pykv.cli.app import main

__all__ = ["main"]
