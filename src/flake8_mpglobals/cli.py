"""The ``mpglobals`` command: flags and help.  What they do is imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click

from flake8_mpglobals import __version__

if TYPE_CHECKING:
    from flake8_mpglobals.commands.common import Flags

# Spelled out here, so that help costs no import of what they name.
_FORMATS = ("full", "concise", "json")
_VERSIONS = ("py311", "py312", "py313", "py314", "py315")
_INTERRUPTED = 130
_HELP = {"help_option_names": ["-h", "--help"]}

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(context_settings=_HELP)
@click.version_option(__version__, "-V", "--version", prog_name="mpglobals")
def group() -> None:
    """Find state that worker processes change and the parent never sees.

    Exit status: 0 nothing found, 1 findings, 2 wrong usage or a file that cannot
    be read.
    """


def _shared(command: _Command) -> _Command:
    """Add the paths and the flags that choose rules and files."""
    codes = "CODES"
    for decorate in reversed(
        (
            click.argument("paths", nargs=-1, metavar="[PATH]..."),
            click.option(
                "--select", multiple=True, metavar=codes, help="Run only these rules or prefixes."
            ),
            click.option(
                "--extend-select", multiple=True, metavar=codes, help="Run these rules as well."
            ),
            click.option("--ignore", multiple=True, metavar=codes, help="Do not run these rules."),
            click.option(
                "--per-file-ignores",
                multiple=True,
                metavar="PATTERN:CODE",
                help="Ignore rules in the files that match a pattern.",
            ),
            click.option(
                "--exclude",
                multiple=True,
                metavar="PATTERNS",
                help="Leave out these files and folders instead of the usual ones.",
            ),
            click.option(
                "--extend-exclude",
                multiple=True,
                metavar="PATTERNS",
                help="Leave out these files and folders as well.",
            ),
            click.option(
                "--force-exclude/--no-force-exclude",
                default=None,
                help="Exclude also files that are named as PATH.",
            ),
            click.option(
                "--respect-gitignore/--no-respect-gitignore",
                default=None,
                help="Leave out what git ignores (default: yes).",
            ),
            click.option(
                "--target-version",
                type=click.Choice(_VERSIONS),
                help="The oldest Python that the code has to run on.",
            ),
            click.option(
                "--config", metavar="FILE", help="Read settings from this pyproject.toml only."
            ),
            click.option("--isolated", is_flag=True, help="Ignore all settings files."),
            click.option(
                "--stdin-filename", metavar="PATH", help="The file that standard input stands for."
            ),
            click.option("-q", "--quiet", is_flag=True, help="Print no summary."),
        )
    ):
        command = decorate(command)
    return command


@group.command(context_settings=_HELP)
@_shared
@click.option("--output-format", type=click.Choice(_FORMATS), help="How to report (default: full).")
@click.option("-o", "--output-file", metavar="FILE", help="Write the report to a file.")
@click.option("--statistics", is_flag=True, help="Print how often each rule fired, nothing else.")
@click.option("-e", "--exit-zero", is_flag=True, help="Exit with 0 even where there are findings.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Check files in N processes (default: as many as pay).",
)
@click.option("--no-cache", is_flag=True, help="Keep nothing from one run for the next.")
@click.option(
    "--cache-dir", metavar="DIR", help="Where to keep it (default: the user's cache folder)."
)
def check(
    *,
    paths: tuple[str, ...],
    output_format: str | None,
    output_file: str | None,
    statistics: bool,
    exit_zero: bool,
    quiet: bool,
    jobs: int,
    no_cache: bool,
    cache_dir: str | None,
    **shared: Any,
) -> int:
    """Report lost writes in files and folders (default: .; - reads standard input)."""
    from flake8_mpglobals.commands.check import run

    def call(flags: Flags) -> int:
        return run(
            paths,
            flags,
            output_format=output_format,
            output_file=output_file,
            quiet=quiet,
            statistics=statistics,
            exit_zero=exit_zero,
            jobs=jobs,
            cache=not no_cache,
            cache_dir=cache_dir,
        )

    return _guarded(call, shared)


@group.command(context_settings=_HELP)
@_shared
@click.option("--diff", is_flag=True, help="Print what would change, change nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply also fixes that need a look.")
@click.option(
    "--strategy",
    type=click.Choice(("auto", "manager", "collect")),
    default="auto",
    show_default=True,
    help="Which shape of rewrite to use.",
)
def fix(
    *,
    paths: tuple[str, ...],
    diff: bool,
    unsafe_fixes: bool,
    strategy: str,
    quiet: bool,
    **shared: Any,
) -> int:
    """Repair what can be proved, in place (- goes from standard input to standard output)."""
    from flake8_mpglobals.commands.fix import run

    def call(flags: Flags) -> int:
        return run(paths, flags, diff=diff, unsafe=unsafe_fixes, strategy=strategy, quiet=quiet)

    return _guarded(call, shared)


@group.command(context_settings=_HELP)
@click.argument("rule", metavar="CODE")
@click.option("--output-format", type=click.Choice(("text", "json")), default="text")
def explain(rule: str, output_format: str) -> int:
    """Say why a rule exists, with examples: a code (MPG101) or a name."""
    from flake8_mpglobals.commands import explain as command

    return _guarded(lambda _: command.explain(rule, output_format))


@group.command(context_settings=_HELP)
@click.option("--output-format", type=click.Choice(("text", "json")), default="text")
def rules(output_format: str) -> int:
    """List all rules."""
    from flake8_mpglobals.commands import explain as command

    return _guarded(lambda _: command.table(output_format))


def _guarded(call: Callable[[Flags], int], shared: dict[str, Any] | None = None) -> int:
    """Run a command; a wrong flag or setting is one line and exit status 2."""
    from flake8_mpglobals.commands.common import Flags, UsageError, complain
    from flake8_mpglobals.discovery import display
    from flake8_mpglobals.model import FileError
    from flake8_mpglobals.settings import ConfigError

    try:
        return call(Flags(**(shared or {})))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except ConfigError as error:
        found = error.error
        complain([FileError(display(found.path), found.line, found.column, found.message)])
        return 2


def main(args: Sequence[str] | None = None, prog_name: str = "mpglobals") -> NoReturn:
    """Run the command with ``args`` (default: those of the process) and exit."""
    # Started with a closed stream, as daemons are.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    status: Any
    try:
        status = group.main(args=args, prog_name=prog_name, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`).
        sys.stdout = _nowhere()
        status = 1
    except OSError as error:
        # What concerns one file is reported by the commands; this is standard output itself.
        if os.environ.get("MPGLOBALS_TRACEBACK"):
            raise
        print(f"mpglobals: error: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        sys.stdout = _nowhere()
        status = 2
    sys.exit(status or 0)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _never_fail_to_print(stream: TextIO) -> None:
    """Show characters that the stream cannot encode as escapes."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
