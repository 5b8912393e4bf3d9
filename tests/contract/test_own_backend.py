"""The backend that the guide builds keeps the contract: the code of the page itself is run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

from crmcore.testing.contract import BackendContract

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "own_backend.md"


def built() -> dict[str, Any]:
    """What the `python` fences of the page define, run from top to bottom."""
    module = ModuleType("own_backend")
    sys.modules[module.__name__] = module  # attrs looks a class's module up
    text = PAGE.read_text("utf-8")
    for region in CodeBlockParser("python", str)(Document(text, str(PAGE))):
        lines = text.count("\n", 0, region.start) + 1
        exec(compile("\n" * lines + region.parsed, str(PAGE), "exec"), vars(module))
    return vars(module)


TestFile = built()["TestFile"]


def test_the_page_proves_its_backend_by_the_whole_suite():
    assert issubclass(TestFile, BackendContract)
    assert TestFile.__module__ == "own_backend"
    assert {name for name in vars(TestFile) if name.startswith("test_")} >= {
        "test_writers_on_different_customers_do_not_meet",  # left out, as one writer is alone
    }
