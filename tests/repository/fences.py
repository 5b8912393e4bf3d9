"""How the examples of the documentation are run, and how they are counted.

A page (`*.md`) shows code in a `python` fence. What the code prints stands in an `output` fence
after it and is compared, word for word; printing without an `output` fence is an error. The
fences of a page share their names, from top to bottom. To leave one out, give the reason:

    <!-- skip: next "needs a PostgreSQL server" -->

A docstring shows code as `>>>` examples, checked as doctest does; they may stand in a `python`
fence, with an empty line before its end.

`python_fences` finds fences on its own, with none of sybil's code, because sybil passes over a
fence that it does not know (`pycon`, `Python`, `py`) without a word.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

__all__ = ["Fence", "docstrings", "neither_run_nor_explained", "pages", "python_fences"]

PRINTED = "__printed__"


class PageParser:
    """The `python` and `output` fences of a page."""

    def __init__(self) -> None:
        self._run = PythonEvaluator(future_imports=["annotations"])
        self._parsers = (
            CodeBlockParser("python", self.run),
            CodeBlockParser("output", self.compare),
        )

    def __call__(self, document: Document) -> Iterable[Region]:
        for parser in self._parsers:
            yield from parser(document)

    def run(self, example: Example) -> str | None:
        before = refuse_unshown(example.namespace)
        if before is not None:
            return before
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self._run(example)
        example.namespace[PRINTED] = printed.getvalue()
        return None

    def compare(self, example: Example) -> str | None:
        printed = example.namespace.pop(PRINTED, None)
        if printed is None:
            return "an output fence must follow a python fence that ran"
        shown = str(example.parsed)
        if printed.rstrip() == shown.rstrip():
            return None
        return f"the page shows:\n{shown.rstrip()}\nthe code printed:\n{printed.rstrip()}"


def refuse_unshown(namespace: dict[str, Any]) -> str | None:
    """The complaint about a fence that printed without an `output` fence after it."""
    printed = namespace.pop(PRINTED, "")
    if not printed:
        return None
    return f"an earlier python fence printed this, and no output fence shows it:\n{printed}"


def _at_the_end(namespace: dict[str, Any]) -> None:
    complaint = refuse_unshown(namespace)
    assert complaint is None, complaint


def pages(root: Path) -> Sybil:
    """Every Markdown page under `root` that pytest is asked to collect."""
    return Sybil(
        parsers=[PageParser(), SkipParser()],
        patterns=["*.md"],
        path=str(root),
        teardown=_at_the_end,
        name="page",
    )


def docstrings(root: Path) -> Sybil:
    """Every docstring under `root/src`."""
    return Sybil(
        parsers=[DocTestParser()], patterns=["*.py"], path=str(root / "src"), name="docstring"
    )


@dataclass(frozen=True)
class Fence:
    """A fenced block: the line it opens on (from 1) and what its first line says."""

    line: int
    info: str


OPENING = re.compile(r"^(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*(?P<mark>`{3,}|~{3,})(?P<info>.*)$")
PYTHONISH = re.compile(
    r"\b(i?python|py|pycon|doctest|testcode|code-cell|output)[\d.]*\b", re.IGNORECASE
)


def python_fences(text: str) -> Iterator[Fence]:
    """Every fence of `text` that a reader takes for Python or its output, however it is spelt."""
    closing: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        found = OPENING.match(line)
        if found is None:
            continue
        mark, info = found["mark"], found["info"].strip()
        if closing is None:
            closing = mark
            if PYTHONISH.search(info):
                yield Fence(number, info)
        elif mark.startswith(closing) and not info:
            closing = None


def neither_run_nor_explained(path: Path, sybil: Sybil) -> list[str]:
    """What is wrong with the fences of a page: `line: why`, one entry each."""
    if not sybil.should_parse(path):
        return [f"{path.name}: no parser is set up for this page"]
    document = sybil.parse(path)
    examples = list(document.examples())
    collected = {example.line for example in examples}
    missed = [
        f"{path.name}:{fence.line}: a fence of {fence.info!r} is never run"
        for fence in python_fences(path.read_text("utf-8"))
        if fence.line not in collected
    ]
    unexplained = [
        f"{path.name}:{example.line}: a skip without its reason"
        for example in examples
        if isinstance(example.parsed, tuple)
        and example.parsed[0] in ("start", "next")
        and not example.parsed[1]
    ]
    return missed + unexplained
