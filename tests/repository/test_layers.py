"""The domain stands alone, and `import crmcore` costs nothing but itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.sources import SRC, module_name, modules, parsed

DOMAIN = [path for path in modules() if path.is_relative_to(SRC / "domain")]
HEAVY = ("sqlalchemy", "alembic", "pymongo", "numpy", "scipy", "pytest", "hypothesis", "cyclopts")
THIRD_PARTY = {"attr", "attrs", "cattr", "cattrs", "typing_extensions"}


def imports(path: Path) -> Iterator[str]:
    """The full names that a module imports, also inside functions and type-checking blocks."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def may_be_in_the_domain(name: str) -> bool:
    top, *rest = name.split(".")
    if top == "crmcore":
        return rest[:1] == ["domain"]
    return top in sys.stdlib_module_names or top in ("attr", "attrs")


@pytest.mark.parametrize("path", DOMAIN, ids=module_name)
def test_a_domain_module_imports_the_standard_library_attrs_and_the_domain_only(path: Path):
    assert [name for name in imports(path) if not may_be_in_the_domain(name)] == []


@pytest.mark.parametrize(
    "name", ["cattrs", "numpy.linalg", "crmcore.adapters.sql", "crmcore.services", "crmcore.Model"]
)
def test_a_forbidden_import_is_noticed(name: str):
    assert not may_be_in_the_domain(name)


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    # The standard library's own build record is named after the platform.
    return {name for name in finished.stdout.split() if not name.startswith("_sysconfigdata")}


def test_importing_crmcore_loads_nothing_heavy():
    assert loaded_by("import crmcore") & set(HEAVY) == set()


def test_importing_crmcore_loads_no_third_party_but_attrs_and_cattrs():
    added = loaded_by("import crmcore") - loaded_by("pass")

    assert {n for n in added if n not in sys.stdlib_module_names} <= THIRD_PARTY | {"crmcore"}


def test_nothing_is_printed_and_no_handler_is_added_by_the_import():
    code = (
        "import logging, warnings; before = warnings.filters[:]; import crmcore; "
        "assert warnings.filters == before; assert not logging.getLogger().handlers; "
        "assert not logging.getLogger('crmcore').handlers"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
