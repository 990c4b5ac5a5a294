"""Runs the `pykv` command as `python -m pykv`."""

from pykv.cli.app import main

main()
