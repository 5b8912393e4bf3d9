"""The terminal: where a command prints, and how: for people or for programs, with colours or not.

Answers go to stdout, remarks about the work, progress and errors to stderr. Colours and progress
are for terminals alone; `NO_COLOR` and `--no-color` turn colours off there too. In a pipe lines
are as long as they need to be.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import attrs

from crmcore.cli.places import shown
from crmcore.cli.remedies import Ending

if TYPE_CHECKING:
    from rich.console import Console

    from crmcore.cli.progress import Counted

__all__ = ["DEFAULT_URL", "Terminal"]

DEFAULT_URL = "sqlite:///crm.db"
WIDEST = 100_000


@attrs.define(slots=False)
class Terminal:
    """What every command is given: the shared options, and the ways to answer."""

    given_url: str | None = attrs.field(default=None, repr=False)
    tenant: str = "main"
    json: bool = False
    quiet: bool = False
    color: bool = True
    debug: bool = False

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Terminal:
        """What can be said before the arguments are read, so that even their errors obey it."""
        return cls(
            json="--json" in arguments,
            color="--no-color" not in arguments and not os.environ.get("NO_COLOR"),
            debug="--debug" in arguments or os.environ.get("CRMCORE_DEBUG", "") not in ("", "0"),
        )

    @property
    def place(self) -> str:
        """The URL of the store: as given, else `CRMCORE_URL`, else a file in this folder."""
        return self.given_url or os.environ.get("CRMCORE_URL") or DEFAULT_URL

    @property
    def shown_place(self) -> str:
        """The URL of the store without user, password and options."""
        return shown(self.place)

    @cached_property
    def out(self) -> Console:
        """Where answers for people are printed."""
        return self._console(sys.stdout, width=WIDEST)

    @cached_property
    def help(self) -> Console:
        """Where help is printed: on a page of 80 columns, where the reader's is not known."""
        return self._console(sys.stdout, width=80)

    @cached_property
    def err(self) -> Console:
        """Where remarks, progress and errors are printed."""
        return self._console(sys.stderr, width=WIDEST)

    def _console(self, stream: TextIO, *, width: int) -> Console:
        from rich.console import Console

        class Quiet(Console):
            """A console whose broken pipe is the caller's business."""

            def on_broken_pipe(self) -> NoReturn:
                raise BrokenPipeError

        is_terminal = stream.isatty()
        return Quiet(
            file=stream,
            force_terminal=is_terminal,
            color_system="auto" if is_terminal and self.color else None,
            no_color=not self.color,
            width=None if is_terminal else width,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def document(self, data: Any) -> None:
        """One JSON document on stdout."""
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        indent = 2 if sys.stdout.isatty() else None
        sys.stdout.write(
            json.dumps(data, indent=indent, ensure_ascii=not unicode, allow_nan=False) + "\n"
        )

    def answer(self, data: Any, people: Callable[[], Any]) -> None:
        """What was asked for: `data` to programs, what `people` makes to people."""
        if self.json:
            self.document(data)
        else:
            self.print(people())

    def print(self, part: Any) -> None:
        """A part of an answer for people: text, or a table as wide as the terminal allows."""
        self._put(part)

    def _put(self, part: Any, style: str | None = None) -> None:
        """Print; in a pipe, a table's lines end where their text does."""
        if isinstance(part, str) or self.out.is_terminal:
            self.out.print(part, style=style, soft_wrap=isinstance(part, str))
            return
        with self.out.capture() as captured:
            self.out.print(part, style=style)
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())

    def say(self, text: Any = "", *, style: str | None = None) -> None:
        """A line about the work that was done; not with `--quiet`."""
        if not (self.quiet or self.json):
            self._put(text, style)

    def remark(self, text: str) -> None:
        """Something to know beside the answer, on stderr."""
        sys.stderr.write(text.rstrip("\n") + "\n")

    def fail(self, ending: Ending) -> None:
        """Why the command ended, in one line on stderr."""
        if self.json:
            self.remark(json.dumps(ending.plain))
        elif sys.stderr.isatty() and self.color:
            from rich.text import Text

            self.err.print(Text.assemble(("crmcore: ", "bold red"), ending.line), soft_wrap=True)
        else:
            self.remark(f"crmcore: {ending.line}")

    @contextmanager
    def progress(self, what: str, *, total: int | None = None) -> Iterator[Counted]:
        """A bar on stderr while the block runs, where stderr is a terminal; else nothing."""
        from crmcore.cli.progress import Counted, bar

        if self.quiet or self.json or not sys.stderr.isatty():
            yield Counted()
            return
        with bar(self.err, what, total) as counted:
            yield counted
