"""Scenario pages print the same on all five backends, whatever is between them and the data."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import servers
from tests.migrations.databases import empty_database, server_url
from tests.repository.fences import pages
from tests.repository.sources import ROOT

MEMORY = 'crmcore.connect("memory://"'
PAGES = sorted((ROOT / "docs" / "scenarios").glob("*.md"))
STORIES = [page for page in PAGES if page.stem != "index"]


@contextmanager
def _mongo(_: Path) -> Iterator[str]:
    try:
        with servers.mongo() as url:
            yield f"{url.rsplit('/', 1)[0]}/story{uuid4().hex[:8]}"
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def _sql(dialect: str) -> Callable[[Path], AbstractContextManager[str]]:
    @contextmanager
    def empty(folder: Path) -> Iterator[str]:
        with server_url(dialect) as server, empty_database(server, folder) as url:
            yield url

    return empty


BACKENDS = {
    "sqlite": _sql("sqlite"),
    "postgresql": _sql("postgresql"),
    "mariadb": _sql("mariadb"),
    "mongo": _mongo,
}


def ran(text: str, folder: Path) -> int:
    """Run the fences of a page and compare what they print; how many there were."""
    copy = folder / "page.md"
    copy.write_text(text, "utf-8")
    document = pages(folder).parse(copy)
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    if opened := document.namespace.get("backend"):
        opened.close()
    return len(examples)


LONG = ("mongo", "iberia_plus")
"""Takes five minutes: whole with the slow tests, and with few members here."""

RUNS = [
    pytest.param(
        backend, page, id=f"{backend}-{page.stem}",
        marks=[pytest.mark.slow] if (backend, page.stem) == LONG else [],
    )
    for backend in BACKENDS
    for page in STORIES
]  # fmt: skip


@pytest.mark.parametrize(("backend", "page"), RUNS)
def test_a_scenario_prints_the_same(backend: str, page: Path, tmp_path: Path):
    """On memory it runs with all other pages; here its one backend is opened elsewhere."""
    text = page.read_text("utf-8")
    assert text.count(MEMORY) == 1
    with BACKENDS[backend](tmp_path) as url:
        assert ran(text.replace(MEMORY, f"crmcore.connect({url!r}"), tmp_path) > 1


FEWER = {"range(2000)": "range(200)", "Random(11)": "Random(14)", "euros(2400)": "euros(200)"}
"""Members so few, and of whom the budget still leaves some out and a bonus is worth it for some."""
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def printed(text: str) -> list[str]:
    """What each python fence of a page prints."""
    found, names = [], dict[str, Any](__name__="page")
    try:
        for code in FENCE.findall(text):
            out = io.StringIO()
            with redirect_stdout(out):
                exec(code, names)
            found.append(out.getvalue())
    finally:
        if opened := names.get("backend"):
            opened.close()
    return found


def with_few_members() -> str:
    text = (ROOT / "docs" / "scenarios" / "iberia_plus.md").read_text("utf-8")
    for whole, few in FEWER.items():
        assert text.count(whole) == 1
        text = text.replace(whole, few)
    return text


@cache
def printed_on_memory() -> list[str]:
    return printed(with_few_members())


def test_a_long_scenario_with_few_members_prints_the_same(tmp_path: Path):
    with BACKENDS["mongo"](tmp_path) as url:
        found = printed(with_few_members().replace(MEMORY, f"crmcore.connect({url!r}"))

    assert found == printed_on_memory()


def test_with_few_members_there_still_is_everybody_of_whom_the_page_speaks():
    told = "".join(printed_on_memory())

    assert "1 promoted, 0 refused, 1 over budget" in told
    assert "2 kept, 16 refused" in told


def test_a_page_that_shows_something_else_is_noticed(tmp_path: Path):
    """The control: one figure changed."""
    page = "```python\nprint(1)\n```\n\n```output\n2\n```\n"
    with pytest.raises(Exception, match="the page shows"):
        ran(page, tmp_path)
