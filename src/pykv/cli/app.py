"""The group of all commands: finds them by name, and ends the process with the right exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final

import click

from pykv.cli.failures import CODES, Exit, failure_of

COMMANDS: Final = (
    "get",
    "put",
    "delete",
    "scan",
    "count",
    "changes",
    "namespaces",
    "load",
    "dump",
    "convert",
    "stats",
    "verify",
    "repair",
    "compact",
    "checkpoint",
    "backup",
    "backups",
    "restore",
    "destroy",
)


class EndsInOneLine(click.Command):
    """A command that ends with a code of `Exit`, and a failure with one line on standard error."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs the command and exits; with standalone_mode=False returns or raises instead."""
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        sys.exit(_exit_code(run))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; a reader that went away, as `head` does, is no failure of ours."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            # Python writes out what is left at exit: it must have somewhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return Exit.PIPE_CLOSED
        return result


class Commands(EndsInOneLine, click.Group):
    """Commands that are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of --help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a module of this package; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pykv.cli.{cmd_name}").command
        return command


def _exit_code(run: Callable[[], object]) -> int:
    """The exit code of a run; a failure is told on standard error."""
    try:
        result = run()
    except (click.Abort, KeyboardInterrupt):
        click.echo("pykv: interrupted", err=True)
        return Exit.INTERRUPTED
    except Exception as error:
        if os.environ.get("PYKV_TRACEBACK") == "1":
            raise
        failure = failure_of(error)
        failure.show()
        return failure.code
    return result if isinstance(result, int) else Exit.GOOD


@click.group(
    "pykv",
    cls=Commands,
    epilog=f"\b\nExample: pykv put data greeting hello && pykv get data greeting\n\b\n{CODES}",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(package_name="pykv")
@click.pass_context
def cli(context: click.Context) -> None:
    """Look into a pykv database, and look after it.

    DATABASE is the directory of the database. Reading commands may run beside the program that
    writes to it; the others need it closed.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(Exit.USAGE)


def main() -> None:
    """Runs the command line of this process and exits."""
    try:
        cli(prog_name="pykv")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
