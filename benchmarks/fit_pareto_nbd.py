"""Fitting Pareto/NBD and predicting by it, beside lifetimes where it can be imported.

    python -m benchmarks fit_pareto_nbd
    python benchmarks/fit_pareto_nbd.py [--json] [--large]

CDNOW, then 10,000 and 100,000 simulated customers of a quarter on whole days, as CDNOW's are; the
last once only, since lifetimes takes half a minute. Both sides get the same arrays and run from
their own default start to their own convergence; ours computes standard errors within that time,
lifetimes has none for this model. Standard error tells both log-likelihoods, by our likelihood.
Predictions are for a million customers at the parameters of CDNOW, and how far the two sides are
apart is told beside. `--large` fits a million, too, for which lifetimes takes five minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.fit_cdnow import Columns, cdnow, rival
from benchmarks.harness import Comparison, alone, compare, table
from crmcore.analytics import ParetoNBD, ParetoNBDProcess

PROCESS = ParetoNBDProcess(r=0.553, alpha=10.578, s=0.606, beta=11.669)


def cohort(n: int) -> Columns:
    """n customers who arrived over thirteen weeks and are 26 to 39 weeks old."""
    age = np.random.default_rng(0).integers(182, 273, n) / 7
    seen = PROCESS.simulate(n_customers=n, T=age, seed=1)
    days = np.maximum(np.ceil(seen.recency * 7), 1) / 7
    recency = np.where(seen.frequency > 0, np.minimum(days, age), 0.0)
    return {"frequency": seen.frequency, "recency": recency, "T": age}


def fits(name: str, columns: Columns, *, theirs: Any, repeat: int) -> Comparison:
    """Both fits of one data set; their log-likelihoods go to standard error."""
    who = {key: columns[key] for key in ("frequency", "recency", "T")}
    found: dict[str, dict[str, float]] = {}

    def ours() -> None:
        found["crmcore"] = ParetoNBD().fit(**who).params

    def other() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found["lifetimes"] = dict(theirs.ParetoNBDFitter().fit(*who.values()).params_)

    measured = measure(f"fit Pareto/NBD, {name}", ours, theirs and other, repeat, len(who["T"]))
    scores = {
        side: ParetoNBDProcess(**params).log_likelihood_of(**who) for side, params in found.items()
    }
    told = ", ".join(f"{side} {score:.6f}" for side, score in scores.items())
    print(f"{measured.name}: log-likelihood {told}", file=sys.stderr)
    return measured


def predictions(columns: Columns, *, theirs: Any) -> list[Comparison]:
    """P(alive) and purchases expected over 39 weeks, for all these customers."""
    who = {key: columns[key] for key in ("frequency", "recency", "T")}
    fitter = theirs and theirs.ParetoNBDFitter()
    if fitter:
        fitter.params_ = PROCESS.params
    asked: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        (
            "P(alive), Pareto/NBD",
            lambda: PROCESS.probability_alive(**who),
            lambda: fitter.conditional_probability_alive(*who.values()),
        ),
        (
            "expected purchases, Pareto/NBD",
            lambda: PROCESS.expected_purchases(t=39, **who),
            lambda: fitter.conditional_expected_number_of_purchases_up_to_time(39, *who.values()),
        ),
    ]
    return [prediction(*each, theirs=fitter, rows=len(who["T"])) for each in asked]


def prediction(
    question: str,
    ours: Callable[[], Any],
    other: Callable[[], Any],
    *,
    theirs: Any,
    rows: int,
    repeat: int = 7,
) -> Comparison:
    """One question to both, and how far apart the answers are."""
    answers: dict[str, Any] = {}

    def ask_ours() -> None:
        answers["crmcore"] = np.asarray(ours())

    def ask_theirs() -> None:
        answers["lifetimes"] = np.asarray(other())

    rival_asked = ask_theirs if theirs else None
    measured = measure(question, ask_ours, rival_asked, repeat, rows)
    if theirs:
        apart = np.abs(answers["crmcore"] / answers["lifetimes"] - 1).max()
        print(f"{measured.name}: apart by {apart:.1e} at most", file=sys.stderr)
    return measured


def measure(
    label: str, ours: Callable[[], Any], other: Callable[[], Any] | None, repeat: int, rows: int
) -> Comparison:
    """Ours beside the rival, or alone where there is none."""
    if other is None:
        return alone(label, ours, repeat=repeat, rows=rows)
    return compare(label, ours, other, repeat=repeat, rival_name="lifetimes", rows=rows)


def main(*, large: bool = False) -> list[Comparison]:
    """The comparisons; with `large` also the fit of a million customers."""
    theirs = rival()
    found = [fits("CDNOW", cdnow(), theirs=theirs, repeat=5)]
    found.append(fits("10,000", cohort(10_000), theirs=theirs, repeat=3))
    found.append(fits("100,000", cohort(100_000), theirs=theirs, repeat=1))
    million = cohort(1_000_000)
    found += predictions(million, theirs=theirs)
    if large:
        found.append(fits("a million", million, theirs=theirs, repeat=1))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="every figure instead of the table")
    parser.add_argument("--large", action="store_true", help="a million customers too")
    options = parser.parse_args()
    comparisons = main(large=options.large)
    if options.json:
        print(json.dumps([comparison.as_json() for comparison in comparisons], indent=2))
    else:
        print(table(comparisons))
