"""Whatever it is asked, the analytics answer or raise InvalidInput: never a raw error, never NaN.

Every function of `__all__`, every way to make an option or a process, and every method that takes
arguments is called with one argument after the other replaced by what callers hand in by mistake.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import pytest

from crmcore import analytics
from crmcore.analytics.fitted import Fitted
from crmcore.domain.errors import InvalidInput

BASES = (analytics.PurchaseModel, analytics.RetentionModel)
KNOWN = (analytics.PurchaseProcess, analytics.RetentionProcess, analytics.GammaGammaSpend)
PUBLIC = {name: getattr(analytics, name) for name in analytics.__all__}

HOSTILE: dict[str, Any] = {
    "None": None,
    "text": "any",
    "digits": "1.5",
    "bytes": b"1",
    "true": True,
    "negative": -1,
    "half": 2.5,
    "nan": np.nan,
    "infinite": np.inf,
    "beyond float": 10**400,
    "huge": 1e300,
    "large": 1e50,
    "complex": 1 + 2j,
    "object": object(),
    "decimal": Decimal("NaN"),
    "nothing": [],
    "mapping": {},
    "mapping of text": {"a": "b"},
    "set": {1, 2},
    "nested": [[1.0, 2.0], [3.0, 4.0]],
    "ragged": [[1], [1, 2], [3]],
    "with None": [1, None, 2],
    "with text": [1, "b", 2],
    "of complex": np.array([1j, 2, 3]),
    "of times": np.array(["2024-01-01", "NaT", "2024-01-02"], "datetime64[D]"),
    "masked": np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False]),
    "masked number": np.ma.masked,
    "type": int,
}
DAYS = ["2024-01-01", "2024-01-15", "2024-02-05"]
SEEN = {"frequency": [2, 0, 1], "recency": [10, 0, 5], "T": [20, 20, 20]}
GOOD: dict[str, Any] = {
    **SEEN, "weights": [1, 2, 1],
    "log_intervals": [2 * np.log(5), 0, np.log(5)], "monetary_value": [10, 0, 5],
    "t": 5, "n": 1, "age": 1, "discount_rate": 0.1, "horizon": 10, "n_customers": 3, "seed": 1,
    "survivors": [10, 7, 5, 4], "at_least": 3, "level": 0.9, "upper": np.inf,
    "covariates": {"web": [0, 1, 2]}, "columns": {"x": [1, 2, 9]}, "labels": [0, 0, 1],
    "model": analytics.BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1),
    "purchases": analytics.BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1),
    "value": analytics.GammaGammaSpend(p=2, q=3, v=4),
    "customer": [1, 2, 1], "at": DAYS, "as_of": "2024-03-01", "until": "2024-04-01",
    "amount": [1, 2, 3], "unit": "week", "zone": "UTC", "minor_digits": 2,
    "holdout_until": "2024-05-01", "start": "2024-03-11", "period_days": 7, "age_until": "last day",
    "occasion": "month", "predicted": [0.1, 0.5, 0.9], "happened": [0, 1, 1], "groups": 2,
    "counts": [1, 2], "holdout_frequency": [1, 0, 2], "holdout_value": [1, 0, 2],
    "by": "frequency", "estimated": 2, "yearly": 0.1, "units_per_year": 52, "margin": 0.5,
    "inside": [1, 2], "of_inside": 5, "outside": [3, 4], "of_outside": 9, "on_boundary": False,
    "gap": [1, 2, 3], "renewals": [1, 2, 3], "ended": [True, False, True],
    "steps": 9, "k": 2, "mean": [1, 2, 3], "variation": 0.5, "clusters": 2, "starts": 1,
    "scale": "standard", "covariance": "diag", "floor": 1e-3, "leaves": 3, "depth": 2,
    "smallest": 1, "dropout": ("web",), "part": "dropout", "covariate": "web",
    "coefficient": 0.5, "effects": (analytics.Effect("purchases", "web", 0.5),),
    "baseline": analytics.ParetoNBDProcess(r=1, alpha=1, s=1, beta=1),
    "models": {"it": analytics.ParetoNBDProcess(r=1, alpha=1, s=1, beta=1)},
    "name": "alpha", "predict": lambda model: np.ones(1),
    **dict.fromkeys(("r", "alpha", "a", "b", "s", "beta", "c", "p", "q", "v", "gamma", "delta"), 2),
}  # fmt: skip
"""An argument of each name that is all right."""
OWN: dict[tuple[str, str], Any] = {
    ("WithCovariates", "model"): analytics.BetaGeoNBD(),
    ("WithCovariates", "purchases"): ("web",),
    ("choose_clusters", "model"): analytics.KMeans(),
    ("frequency_recency", "T"): 20,
    ("frequency_recency", "recency"): [5, 10, 20],
    ("frequency_recency", "frequency"): [1, 2],
    ("summarize", "log_intervals"): True,
    **{(name, "start"): None for name, value in PUBLIC.items() if hasattr(value, "fit")},
    ("GammaGamma", "name"): "p",
    ("likelihood_ratio_test", "simple"): analytics.NBD().fit(**SEEN),
    ("likelihood_ratio_test", "general"): analytics.BetaGeoNBD().fit(**SEEN),
}
NAMES = {"covariate", "purchases", "dropout"}
"""Arguments that may be any text."""
NEVER = ("object", "with None", "with text", "text", "digits", "masked", "masked number")
"""What no argument can be, but a name that is text."""


def _arguments(name: str, call: Callable[..., Any]) -> dict[str, Any]:
    """What a call is rightly made with; KeyError where nobody told."""
    names = [p for p in inspect.signature(call).parameters if p != "self"]
    good = {each: OWN[name, each] if (name, each) in OWN else GOOD[each] for each in names}
    if isinstance(getattr(call, "__self__", None), analytics.RetentionProcess) and "T" in good:
        good["T"] = 20  # of all contracts, where it is an age of each customer elsewhere
    return good


def _made_by_callers(value: Any) -> bool:
    """Is it a class of options, or of models with known parameters?"""
    if not (inspect.isclass(value) and attrs.has(value)):
        return False
    return not issubclass(value, (Fitted, analytics.ProcessOfEach)) and (
        value in (analytics.PurchaseAmounts, analytics.Effect, analytics.ProcessWithCovariates)
        or (hasattr(value, "fit") and value not in BASES)
        or issubclass(value, KNOWN)
    )


def _methods(made: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Those that take arguments; what a fit predicts, a process with known parameters does."""
    for method, found in inspect.getmembers(made, inspect.ismethod):
        inherited = isinstance(made, Fitted) and not hasattr(Fitted, method)
        if method.startswith("_") or inspect.isclass(found.__self__):
            continue
        if inspect.signature(found).parameters and (method == "profile_interval" or not inherited):
            yield f"{type(made).__name__}.{method}", found


def _calls() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """The name of what is public, that of the call, and the call itself."""
    for name, value in PUBLIC.items():
        if inspect.isfunction(value):
            yield name, name, value
        if not _made_by_callers(value):
            continue
        yield name, name, value
        made = value(**_arguments(name, value))
        for which, call in _methods(made):
            yield name, which, call
        if hasattr(value, "fit"):
            for which, call in _methods(made.fit(**_arguments(name, made.fit))):
                yield name, which, call


CALLS = list(_calls())


def _numbers(found: Any) -> Iterator[np.ndarray]:
    """All floats of a result, but those that are NaN where the data tell nothing."""
    if attrs.has(type(found)):
        for field in attrs.fields(type(found)):
            if field.name not in ("covariance", "curvature"):
                yield from _numbers(getattr(found, field.name))
    elif isinstance(found, (float, np.ndarray)) and np.asarray(found).dtype.kind == "f":
        yield np.asarray(found)


def _fault(call: Callable[..., Any], good: dict[str, Any], argument: str, kind: str) -> str | None:
    """What is wrong with the answer to one bad argument."""
    try:
        found = call(**(good | {argument: HOSTILE[kind]}))
    except (InvalidInput, analytics.NoFiniteMean):
        return None
    except Exception as error:  # noqa: BLE001 - any other is a finding
        return f"{type(error).__name__}: {error}"
    if any(np.isnan(values).any() for values in _numbers(found)):
        return "a silent NaN"
    return "taken" if kind in NEVER and argument not in NAMES else None


def test_there_are_calls() -> None:
    assert {"summarize", "BetaGeoNBD", "NBD.fit", "NBDProcess.simulate"} <= {w for _, w, _ in CALLS}


@pytest.mark.parametrize(("name", "which", "call"), CALLS, ids=[which for _, which, _ in CALLS])
def test_bad_arguments_are_refused_or_answered(
    name: str, which: str, call: Callable[..., Any]
) -> None:
    good = _arguments(name, call)
    call(**good)
    wrong = {
        f"{argument}={kind}": fault
        for argument in good
        if argument != "predict"  # the caller's own function
        for kind in HOSTILE
        # A profile is sought from the parameters of a fit to other data: those are not looked for.
        if not (which.endswith("profile_interval") and kind in ("large", "huge"))
        if (fault := _fault(call, good, argument, kind))
    }
    assert not wrong


def test_all_that_is_wrong_with_a_model_comes_together() -> None:
    of: Any = analytics
    paths: dict[Callable[[], object], list[str]] = {
        lambda: of.BetaGeoNBDProcess(r="a", alpha=-1, a=1, b=np.nan): ["r", "alpha", "b"],
        lambda: of.BetaGeoCNBDProcess(r=0, alpha=1, a=1, b=1, k=2.5): ["r", "k"],
        lambda: of.NBD(steps=0, start={"r": -1, "alpha": "x"}): [
            "steps", "start.r", "start.alpha",
        ],
        lambda: of.KMeans(0, seed=-1, scale="?"): ["clusters", "seed", "scale"],
        lambda: of.Effect("price", "", "x"): ["part", "covariate", "coefficient"],
        lambda: of.WithCovariates(of.NBD(), purchases=("a", "a")): [
            "model", "purchases[1]",
        ],
        lambda: of.NBDProcess(r=1, alpha=1).simulate(n_customers=2.5, T=-1, seed=-1): [
            "T", "n_customers", "seed",
        ],
    }  # fmt: skip
    for make, expected in paths.items():
        with pytest.raises(InvalidInput) as caught:
            make()
        assert [fault.path for fault in caught.value.faults] == expected


def _columns() -> dict[str, tuple[Any, Any]]:
    """A column of 1, 2, 3 and one with the second missing, as libraries hold them."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    return {
        "list": ([1, 2, 3], [1, None, 3]),
        "masked": (np.ma.masked_array([1, 2, 3]), np.ma.masked_equal([1, 2, 3], 2)),
        "objects": (np.array([1, Decimal(2), 3], object), np.array([1, Decimal("NaN"), 3], object)),
        "pandas": (
            pandas.Series([1, 2, 3], index=[2, 0, 1]),  # read by place, whatever the index says
            pandas.Series([1, None, 3], index=[2, 0, 1], dtype="Int64"),
        ),
        "pandas floats": (pandas.Series([1.0, 2.0, 3.0]), pandas.Series([1.0, None, 3.0])),
        "polars": (polars.Series([1, 2, 3]), polars.Series([1, None, 3])),
    }


@pytest.mark.parametrize(
    "library", ["list", "masked", "objects", "pandas", "pandas floats", "polars"]
)
def test_columns_of_any_library_are_read_by_place_and_missing_rows_are_named(library: str) -> None:
    whole, holed = _columns()[library]
    process = analytics.ParetoNBDProcess(r=1, alpha=1, s=1, beta=1)
    who = {"frequency": whole, "recency": whole, "T": 5}
    expected = process.probability_alive(frequency=[1, 2, 3], recency=[1, 2, 3], T=5)
    assert process.probability_alive(**who).tolist() == expected.tolist()
    for name in who:
        with pytest.raises(InvalidInput) as caught:
            process.probability_alive(**(who | {name: holed}))
        assert [fault.path for fault in caught.value.faults] == [f"{name}[1]"]
    with pytest.raises(InvalidInput, match=r"covariates.web\[1\]"):
        analytics.ProcessWithCovariates(
            baseline=process, effects=(analytics.Effect("purchases", "web", 1),)
        ).given({"web": holed})
    ids = {"customer": holed, "at": DAYS, "as_of": "2024-03-01"}
    if not library.endswith("floats"):  # which are no ids
        with pytest.raises(InvalidInput, match=r"customer\[1\]: is missing"):
            analytics.summarize(**ids)
