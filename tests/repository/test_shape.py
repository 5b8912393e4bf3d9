"""The shape of the source: short modules, named for what they hold, with complete `__all__`."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.repository.sources import ROOT, code_lines, module_name, modules, parsed, tracked

# Module -> why it may be longer than one reading.
MAY_BE_LONGER: dict[str, str] = {}
LONGEST = 300

SHAPELESS = {"utils", "util", "common", "base", "helpers", "helper", "manager", "misc"}

# Written so that this file does not hold what it forbids.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/"),
    "the address of a package registry": re.compile(
        r"\b(?:pypi|npmjs|pythonhosted|crates)\.(?:org|com|io)\b"
    ),
}
TEXT = {".py", ".md", ".toml", ".txt", ".cfg", ".sh", ".yml", ".yaml", ".html", ".mako", ".sql", ""}


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_fits_one_reading(path: Path):
    name = module_name(path)

    assert code_lines(path) <= LONGEST or name in MAY_BE_LONGER


def test_only_long_modules_are_excused():
    long = {module_name(path) for path in modules() if code_lines(path) > LONGEST}

    assert set(MAY_BE_LONGER) <= long
    assert all(len(reason) > len("because") for reason in MAY_BE_LONGER.values())


def test_no_module_is_named_for_nothing():
    python = [path for path in tracked() if path.suffix == ".py"]
    words = {path: {part.strip("_") for part in path.relative_to(ROOT).parts} for path in python}

    assert [
        path for path, parts in words.items() if ({path.stem.strip("_")} | parts) & SHAPELESS
    ] == []


def test_no_file_names_a_machine_or_a_registry():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {what}"
        for path in tracked()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    ["see /" + "work/main", "open('/" + "root/x')", "https://pypi" + ".org/project/crmcore"],
)
def test_a_forbidden_word_is_noticed(line: str):
    assert any(pattern.search(line) for pattern in FORBIDDEN.values())


def is_public(path: Path) -> bool:
    """Neither private nor a migration, whose names alembic prescribes."""
    if "migrations" in path.parts:
        return False
    return not any(part.startswith("_") for part in module_name(path).split("."))


def listed_in(tree: ast.Module) -> list[str] | None:
    """What a module lists in `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return None


def bound_in(tree: ast.Module) -> set[str]:
    """Every name that a module binds at its top, imports among them."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return bound


@cache
def used_elsewhere() -> dict[str, set[str]]:
    """Module -> the names that other modules of the package import from it."""
    own = {module_name(path) for path in modules()}
    used: dict[str, set[str]] = {}
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {alias.name for alias in node.names}
                used.setdefault(node.module, set()).update(
                    name for name in names if f"{node.module}.{name}" not in own
                )
    return used


def unlisted(tree: ast.Module, used: set[str]) -> set[str]:
    """The names that `__all__` lacks: the classes and functions, and what others import."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    made = {node.name for node in tree.body if isinstance(node, kinds)}
    public = {name for name in made | (used & bound_in(tree)) if not name.startswith("_")}
    return public - set(listed_in(tree) or ())


def as_ruff_sorts(name: str) -> tuple[int, str]:
    """CONSTANTS first, then Classes, then the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1, name) if name[:1].isupper() else (2, name)


@pytest.mark.parametrize("path", [p for p in modules() if is_public(p)], ids=module_name)
def test_a_public_module_lists_its_public_names(path: Path):
    tree = parsed(path)
    listed = listed_in(tree) or []

    assert unlisted(tree, used_elsewhere().get(module_name(path), set())) == set()
    assert listed == sorted(set(listed), key=as_ruff_sorts)
    assert set(listed) <= bound_in(tree)


def test_a_name_missing_from_all_is_noticed():
    tree = ast.parse("__all__ = ['a']\nA = B = _C = 1\ndef a(): ...\ndef b(): ...\nclass _D: ...")

    assert unlisted(tree, {"A", "_C"}) == {"A", "b"}


TESTS = [path for path in tracked() if path.suffix == ".py" and path.name.startswith("test_")]
CONTRACT = [path for path in modules() if "testing" in path.parts]


CLAIMS = {"pytest.raises", "pytest.warns", "pytest.fail", "run_state_machine_as_test"}


def asserts(function: ast.AST, known: set[str]) -> bool:
    """Whether the function claims something, itself or through a function that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CLAIMS:
                return True
            if called.rpartition(".")[2] in known:
                return True
            if called.rpartition(".")[2].startswith(("assert_", "check_")):
                return True
    return False


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def without_a_claim(tree: ast.Module) -> list[str]:
    """The tests of a module that would pass whatever the code does."""
    own = {f.name: f for f in functions(tree)}
    known: set[str] = set()
    while True:
        more = {name for name, f in own.items() if name not in known and asserts(f, known)}
        if not more:
            break
        known |= more
    return [name for name in own if name.startswith("test_") and name not in known]


@pytest.mark.parametrize("path", [*TESTS, *CONTRACT], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_test_claims_something(path: Path):
    assert without_a_claim(parsed(path)) == []


def test_a_test_without_a_claim_is_noticed():
    text = "def test_a(): run()\ndef test_b(): equal()\ndef equal(): assert 1\n"

    assert without_a_claim(ast.parse(text)) == ["test_a"]
