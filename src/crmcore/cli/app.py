"""The commands, the options that all of them share, and how a run ends.

A command's module is imported when that command runs, so `crmcore --help` needs none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated

from cyclopts import App, Group, Parameter

from crmcore.cli.remedies import Ending, ending_of
from crmcore.cli.terminal import Terminal

__all__ = ["ACTIONS", "ACTION_MODULES", "COMMANDS", "Shared", "main"]

COMMANDS = {
    "demo": ("demo:demo", "Import the CDNOW purchases, score the customers, show what came out."),
    "init": ("init:init", "Make the store, or bring it up to date."),
    "import": ("importing:import_file", "Read customers, purchases or other facts from a file."),
    "export": ("exporting:export_file", "Write customers or facts to a file."),
    "score": ("scoring:score", "Say who is alive and what they are worth; append it as facts."),
    "profile": ("profile:profile", "Show one customer: what they are, did, and are worth."),
    "customers": ("customers:customers", "List customers: filtered, ordered, page by page."),
    "segments": ("segments:segments", "Segments: who is in them, and why."),
    "loyalty": (
        "loyalty:loyalty",
        "Loyalty programmes: their members, points and liability; who is near a tier.",
    ),
    "advance": ("advancing:advance", "Post and move what time has made due."),
    "report": ("report:report", "Write the report: one HTML file that needs no network."),
    "doctor": ("doctor:doctor", "Check the installation and the store; say what to do."),
}
"""By name: the function below `crmcore.cli`, and the first line of its docstring."""

ACTIONS = {
    "segments": {
        "show": "Show one segment: its definition in words and as JSON, and what became of it.",
        "evaluate": "Count who is in a segment, or for whom a condition holds; or list them.",
        "explain": "Say whether a customer is in a segment, and why, term by term.",
        "define": "Define a segment, or change one: its condition, its owner, its description.",
        "refresh": "Record who entered and who left, of one dynamic segment or of all.",
    },
    "loyalty": {
        "show": "Show a programme: its tiers, their members and spend, open points, liability.",
        "card": "Show a member by the number on their card: tier, points, what is missing, when "
        "they fall.",
        "near": "List members near the next tier or near a fall: what is missing, and by when.",
    },
}
"""By command, what may follow its name, with the first line of its docstring."""

ACTION_MODULES = {"segments": "segment", "loyalty": "programme"}
"""By command, the module whose functions what may follow is."""

HELP = """The customers of a crmcore store, from a terminal.

First steps:

    crmcore demo                     see it work on real purchases
    crmcore init --currency EUR --zone Europe/Madrid
    crmcore import purchases orders.csv --source shop
    crmcore advance                  bring the stages up to date, every night
    crmcore score
    crmcore customers --order-by lifetime_value --descending

The store is sqlite:///crm.db in this folder, unless --url or CRMCORE_URL names
another: postgresql+psycopg://host/db, mariadb+pymysql://host/db, or
mongodb://host/db. A URL with a password belongs into CRMCORE_URL: the command
line of a program can be seen by others.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or bad input, 3 done in
part (some rows were rejected), 130 interrupted.
"""

EVERYWHERE = Group("For every command", sort_key=9)
Shared: Parameter = Parameter(group=EVERYWHERE)
"""What marks an option of every command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Whatever fails is told in one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    terminal = Terminal.of(given)
    try:
        code = _made(given, terminal).meta(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has enough. What is still buffered goes nowhere, so that the interpreter
        # does not complain of it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  a traceback is for --debug
        return _told(terminal, ending_of(error, place=terminal.place), error)
    return code if isinstance(code, int) else 0


def _told(terminal: Terminal, ending: Ending, error: BaseException) -> int:
    if terminal.debug:
        import traceback

        text = "".join(traceback.format_exception(error))
        terminal.remark(text.replace(terminal.place, terminal.shown_place))
    terminal.fail(ending)
    return ending.code


def _made(given: Sequence[str], terminal: Terminal) -> App:
    app = _app("crmcore", help=HELP, version=_version)
    if not {"--help", "-h", "--version"}.isdisjoint(given) or not given:
        app.console = terminal.help
    for place, (name, (path, summary)) in enumerate(COMMANDS.items()):
        # Of the command that is asked for, the whole docstring is the help.
        told = None if name in given else summary
        if name in given and name in ACTIONS:
            app.command(_with_actions(name, path, given))
        else:
            app.command(f"crmcore.cli.{path}", name=name, help=told, sort_key=place)
    app.register_install_completion_command(
        help="Let the shell complete commands and options.", add_to_startup=True
    )
    app.meta.suppress_keyboard_interrupt = False  # so that `main` can tell what was kept
    app.meta.default(_launcher(app, terminal))
    return app


def _app(name: str, *, help: str | None = None, version: Callable[[], str] | None = None) -> App:
    return App(
        name=name,
        help=help,
        help_format="plaintext",
        version=version,
        version_flags=() if version is None else ("--version",),
        default_parameter=Parameter(negative="", show_default=False),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )


def _with_actions(name: str, path: str, given: Sequence[str]) -> App:
    """A command that is followed by what it is to do, or by nothing."""
    module, _, function = path.partition(":")
    made = _app(name)
    made.default(getattr(import_module(f"crmcore.cli.{module}"), function))
    for place, (action, summary) in enumerate(ACTIONS[name].items()):
        told = None if action in given else summary
        path = f"crmcore.cli.{ACTION_MODULES[name]}:{action}"
        made.command(path, name=action, help=told, sort_key=place)
    return made


def _version() -> str:
    from importlib.metadata import version

    return version("crmcore")


def _launcher(app: App, terminal: Terminal) -> Callable[..., int | None]:
    def launch(
        *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        url: Annotated[str | None, Shared] = None,
        tenant: Annotated[str, Shared] = "main",
        json: Annotated[bool, Shared] = False,
        quiet: Annotated[bool, Shared] = False,
        no_color: Annotated[bool, Shared] = False,
        debug: Annotated[bool, Shared] = False,
    ) -> int | None:
        """Run a command.

        Parameters
        ----------
        url
            The store; see `crmcore --help`.
        tenant
            Whose data of that store; main if not given.
        json
            For programs: one JSON document on stdout, errors as JSON on stderr.
        quiet
            Nothing but what was asked for, and errors.
        no_color
            No colours, as with NO_COLOR; a pipe gets none anyway.
        debug
            Show the traceback of an error, as with CRMCORE_DEBUG=1.

        """
        terminal.given_url, terminal.tenant = url, tenant
        terminal.color = terminal.color and not no_color
        terminal.json, terminal.quiet, terminal.debug = json, quiet, debug or terminal.debug
        command, bound, ignored = app.parse_args(words, exit_on_error=False, print_error=False)
        wanted = dict.fromkeys(ignored, terminal)
        result = command(*bound.args, **{**bound.kwargs, **wanted})
        return result if isinstance(result, int) else None

    return launch
