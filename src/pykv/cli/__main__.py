"""Runs the `pykv` command as `python -m pykv.cli`."""

from pykv.cli.app import main

main()
