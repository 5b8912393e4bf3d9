"""Every error is listed, drawn in the tree, and survives the way between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from datetime import date
from typing import Any

import attrs
import pytest

from crmcore.domain import errors

ERRORS = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value)
    and issubclass(value, Exception)
    and value.__module__ == errors.__name__
]
SAMPLES: dict[str, Any] = {
    "str": "a",
    "str | None": "b",
    "int": 3,
    "date": date(2024, 2, 29),
    "tuple[str, ...]": ("c", "d"),
    "tuple[Fault, ...]": (errors.Fault("lines[2].quantity", "must be positive"),),
}
BRANCH = re.compile(r"^ *(?P<drawn>(?:│   |    )*[├└]── )?(?P<name>[A-Z]\w+)(?:  |$| )")


def sample(error: type[Exception]) -> Exception:
    given = [SAMPLES[str(field.type)] for field in fields(error)]
    return error(*given) if given else error("something")


def fields(error: type[Exception]) -> tuple[Any, ...]:
    return tuple(attrs.fields(error)) if attrs.has(error) else ()


def drawn_tree() -> dict[str, str | None]:
    """Error -> the error above it, as the module's docstring draws them."""
    above: list[str] = []
    tree: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = BRANCH.match(line)
        if found is None or not (found["drawn"] or line.strip() == "CrmError"):
            continue
        depth = len(found["drawn"] or "") // 4
        del above[depth:]
        tree[found["name"]] = above[-1] if above else None
        above.append(found["name"])
    return tree


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_keeps_its_fields_when_pickled_and_copied(error: type[Exception]):
    before = sample(error)

    for after in (pickle.loads(pickle.dumps(before)), copy.deepcopy(before)):
        assert type(after) is error
        assert str(after) == str(before)
        assert after.args == before.args
        for field in fields(error):
            assert getattr(after, field.name) == getattr(before, field.name)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_says_something(error: type[Exception]):
    assert str(sample(error)).strip()


def test_the_docstring_draws_every_error_under_the_one_it_extends():
    above = {e.__name__: e.__bases__[0].__name__ for e in ERRORS if e is not errors.CrmError}

    assert drawn_tree() == {"CrmError": None} | above


def test_every_error_is_exported_and_is_a_crm_error():
    assert {error.__name__ for error in ERRORS} <= set(errors.__all__)
    assert all(issubclass(error, errors.CrmError) for error in ERRORS)
