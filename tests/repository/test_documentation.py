"""Every Python fence of every page runs, or says why it does not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.repository.fences import neither_run_nor_explained, pages, python_fences
from tests.repository.sources import ROOT, module_name, modules, parsed, tracked

PAGES = [path for path in tracked() if path.suffix == ".md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_fence_is_run_or_skipped_with_a_reason(page: Path):
    assert neither_run_nor_explained(page, pages(ROOT)) == []


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_every_fence_of_a_docstring_holds_doctests(path: Path):
    assert [text for text in docstrings_of(path) if not_doctests(text)] == []


def test_a_fence_of_a_docstring_without_doctests_is_noticed():
    assert not_doctests("Sum.\n\n```python\nsum([1])\n```\n")
    assert not not_doctests("Sum.\n\n```python\n>>> sum([1])\n1\n\n```\n")


def docstrings_of(path: Path) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(parsed(path)) if isinstance(node, kinds)]
    return [ast.get_docstring(node) or "" for node in nodes]


def not_doctests(text: str) -> bool:
    lines = [*text.splitlines(), ""]
    return any(not lines[f.line].lstrip().startswith(">>>") for f in python_fences(text))


def test_every_page_with_a_python_fence_is_under_a_path_that_pytest_collects():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    collected = [ROOT / path for path in config["tool"]["pytest"]["ini_options"]["testpaths"]]
    with_python = [page for page in PAGES if list(python_fences(page.read_text("utf-8")))]

    outside = [p for p in with_python if not any(p.is_relative_to(c) for c in collected)]

    assert outside == []


@pytest.mark.parametrize(
    "info", ["pycon", "py", "Python", "PYTHON3", "python3", "{code-block} python", "python title=x"]
)
def test_a_fence_that_sybil_passes_over_is_noticed(info: str, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"```{info}\n1 / 0\n```\n", "utf-8")

    assert neither_run_nor_explained(page, pages(tmp_path)) == [
        f"page.md:1: a fence of {info!r} is never run"
    ]


def test_a_skip_without_a_reason_is_noticed(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("<!-- skip: next -->\n\n```python\n1 / 0\n```\n", "utf-8")

    assert neither_run_nor_explained(page, pages(tmp_path)) == [
        "page.md:1: a skip without its reason"
    ]


def test_fences_in_quotes_lists_and_longer_fences_are_counted_once():
    text = (
        "> ```python\n> x\n> ```\n"
        "- ~~~py\n  x\n  ~~~\n"
        "````markdown\n```python\nnot a fence, but shown\n```\n````\n"
        "```text\nx\n```\n"
    )

    assert [fence.line for fence in python_fences(text)] == [1, 4]


GOOD = "```python\nprint(6 * 7)\n```\n\n```output\n42\n```\n"


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        pytest.param("```python\nassert 1 == 2\n```\n", "AssertionError", id="fails"),
        pytest.param(GOOD.replace("\n42", "\n43"), "the page shows:", id="shows other output"),
        pytest.param("```python\nprint(1)\n```\n", "no output fence shows it", id="hides output"),
        pytest.param("```output\n1\n```\n", "must follow a python fence", id="output of nothing"),
    ],
)
def test_a_wrong_example_fails_the_run(page: str, complaint: str, tmp_path: Path):
    finished = run_page(page, tmp_path)

    assert finished.returncode == 1
    assert complaint in finished.stdout


def test_a_right_example_passes_and_a_skipped_one_is_left_out(tmp_path: Path):
    skipped = '<!-- skip: next "needs a server" -->\n\n```python\n1 / 0\n```\n'

    finished = run_page(GOOD + skipped, tmp_path, CRMCORE_REQUIRE_ALL="1")

    assert finished.returncode == 0, finished.stdout
    assert "1 skipped" in finished.stdout


@pytest.mark.parametrize(
    "test",
    [
        "def test_it(): pytest.skip('no server')",
        "@pytest.mark.skipif(True, reason='no server')\ndef test_it(): pass",
        "pytest.skip('no server', allow_module_level=True)",
    ],
)
def test_a_skip_is_a_failure_where_everything_must_run(test: str, tmp_path: Path):
    (tmp_path / "test_it.py").write_text(f"import pytest\n{test}\n", "utf-8")

    assert run_page(GOOD, tmp_path).returncode == 0
    strict = run_page(GOOD, tmp_path, CRMCORE_REQUIRE_ALL="1")

    assert strict.returncode != 0
    assert "may not be skipped" in strict.stdout
    assert "no server" in strict.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path):
    marked = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert 0\n"
    (tmp_path / "test_it.py").write_text(marked, "utf-8")

    assert run_page(GOOD, tmp_path, CRMCORE_REQUIRE_ALL="1").returncode == 0


def run_page(page: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as this repository does, over one page in a folder of its own."""
    (folder / "page.md").write_text(page, "utf-8")
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text("utf-8"), "utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "CRMCORE_REQUIRE_ALL"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
