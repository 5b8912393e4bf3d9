"""Scenario pages print the same on all five backends, whatever is between them and the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
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


@pytest.mark.parametrize("page", STORIES, ids=[page.stem for page in STORIES])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_scenario_prints_the_same(backend: str, page: Path, tmp_path: Path):
    """On memory it runs with all other pages; here its one backend is opened elsewhere."""
    text = page.read_text("utf-8")
    assert text.count(MEMORY) == 1
    with BACKENDS[backend](tmp_path) as url:
        assert ran(text.replace(MEMORY, f"crmcore.connect({url!r}"), tmp_path) > 1


def test_a_page_that_shows_something_else_is_noticed(tmp_path: Path):
    """The control: one figure changed."""
    page = "```python\nprint(1)\n```\n\n```output\n2\n```\n"
    with pytest.raises(Exception, match="the page shows"):
        ran(page, tmp_path)
