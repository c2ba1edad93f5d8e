"""Entry of the command. Nothing heavy is imported before a subcommand needs it."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from importlib import import_module
from typing import Any

import click

from registration.errors import UserError

COMMANDS = {
    "run": ("pipelines.cli.run:run", "Register two captures of an object: one model, its labels, a verdict."),
    "stage": ("pipelines.cli.run:stage", "Run one stage, with what it needs."),
    "check": ("pipelines.cli.check:check", "What is good and bad about a capture, and how to mend it."),
    "status": ("pipelines.cli.status:status", "What is fresh, stale, missing or failed."),
    "report": ("pipelines.cli.report:report", "Write the pages of finished results anew, and the index of a data set."),
    "view": ("pipelines.cli.view:view", "Look at one object: in a window, in the browser, as a picture."),
    "dashboard": ("pipelines.cli.dashboard:dashboard", "A data set as a whole in the browser."),
    "export": ("pipelines.cli.export:export", "Write results for other tools."),
    "capture": ("pipelines.cli.capture:capture", "From a film or photographs of an object on a printed board to a capture."),
    "data": ("pipelines.cli.data:data", "Make or download data sets."),
    "bench": ("pipelines.cli.bench:bench", "Score runs against ground truth."),
    "source": ("pipelines.cli.source:source", "The sources of hypotheses."),
}


class Exit(IntEnum):
    """What the shell is told."""

    ACCEPTED = 0
    FAILED = 1
    WRONG_REQUEST = 2
    NOT_ACCEPTED = 3


class LazyGroup(click.Group):
    """Subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is wanted."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        return getattr(import_module(module), name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """A misspelt command gets a hint."""
        if args and args[0] not in COMMANDS:
            from pipelines.presets import near

            raise click.UsageError(f"no command {args[0]!r}: {near(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="regpipe", message="regpipe %(version)s")
def cli() -> None:
    """Two captures of one rigid object in; one complete model, the transform between the captures with an honest
    confidence, and a 6D pose label for every image out.

    \b
    regpipe run --dataset mini --objid 1      the bundled example
    regpipe status                            what has been done
    """


def complain(text: str) -> None:
    """One line to standard error."""
    click.echo("regpipe: " + " ".join(text.split()), err=True)


def main(args: list[str] | None = None) -> None:
    """Run the command; every error is one clear line and an exit status."""
    # Idle threads that spin make two runs on one machine ten times slower each; torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        status = cli.main(args=args, prog_name="regpipe", standalone_mode=False)
    except UserError as error:
        complain(str(error))
        status = Exit.WRONG_REQUEST
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        status = Exit.WRONG_REQUEST
    except click.ClickException as error:
        complain(f"{error.format_message()} (regpipe --help shows what there is)")
        status = Exit.WRONG_REQUEST
    except (click.Abort, KeyboardInterrupt):
        complain("stopped; what was finished is kept, the same command goes on from there")
        status = 130
    except BrokenPipeError:
        status = Exit.FAILED
    except Exception as error:
        from pipelines.cli.console import explain_crash

        explain_crash(error)
        status = Exit.FAILED
    sys.exit(int(status) if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
