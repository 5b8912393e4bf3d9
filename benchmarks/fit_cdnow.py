"""Fitting BG/NBD and Gamma-Gamma to CDNOW, beside lifetimes where it can be imported.

    python -m benchmarks fit_cdnow
    python benchmarks/fit_cdnow.py [--json] [--large]

Both sides get the same arrays and run from their own default start to their own convergence;
ours computes standard errors within that time, as does lifetimes for BG/NBD and Gamma-Gamma. The
line after the table tells both log-likelihoods, since a faster fit that ends lower is no fit.
CDNOW is read from the data folder of the lifetimes wheel, also where lifetimes itself cannot be
imported for lack of its dependencies (autograd, dill, pandas < 3); then no rival is printed.
`--large` adds a million simulated customers who arrived over thirteen weeks.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.harness import Comparison, alone, compare, table
from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess, GammaGamma, GammaGammaSpend

Columns = dict[str, np.ndarray]


def cdnow() -> Columns:
    """The 2,357 customers of the papers, weeks of two decimals."""
    spec = find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("CDNOW comes with lifetimes: pip install --no-deps lifetimes")
    name = "cdnow_customers_summary_with_transactions.csv"
    path = Path(spec.submodule_search_locations[0]) / "datasets" / name
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    names = ("frequency", "recency", "T", "monetary_value")
    return {name: np.ascontiguousarray(rows[:, place + 1]) for place, name in enumerate(names)}


def million() -> Columns:
    """A cohort of a million over thirteen weeks, on whole days, as CDNOW's would be."""
    n = 1_000_000
    age = np.random.default_rng(0).integers(182, 273, n) / 7
    process = BetaGeoNBDProcess(r=0.6, alpha=9, a=1.2, b=6)
    seen = process.simulate(n_customers=n, T=age, seed=1)
    days = np.maximum(np.ceil(seen.recency * 7), 1) / 7
    recency = np.where(seen.frequency > 0, np.minimum(days, age), 0.0)
    return {"frequency": seen.frequency, "recency": recency, "T": age}


def rival() -> Any:
    """The lifetimes module, or None where it does not import."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = import_module("lifetimes")
    except Exception as error:  # noqa: BLE001 - whatever stops it, there is no rival to time
        print(f"no rival: lifetimes does not import ({error!r})", file=sys.stderr)
        return None
    logging.getLogger("lifetimes").setLevel(logging.ERROR)
    return found


def measured(name: str, columns: Columns, *, theirs: Any, repeat: int) -> list[Comparison]:
    """The fits of one data set: BG/NBD, and Gamma-Gamma where values are known."""
    histories = [columns[key] for key in ("frequency", "recency", "T")]
    rows = len(columns["T"])

    def ours_bg() -> Any:
        frequency, recency, age = histories
        return BetaGeoNBD().fit(frequency=frequency, recency=recency, T=age)

    def theirs_bg() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return theirs.BetaGeoFitter().fit(*histories)

    def score_bg(fitted: Any) -> str:
        """Both by our likelihood: that of lifetimes is of times scaled by a number of its own."""
        params = fitted.params if isinstance(fitted, BetaGeoNBDProcess) else dict(fitted.params_)
        frequency, recency, age = histories
        process = BetaGeoNBDProcess(**params)
        return f"{process.log_likelihood_of(frequency=frequency, recency=recency, T=age):.6f}"

    pairs = [("BG/NBD", ours_bg, theirs_bg, score_bg, rows)]
    if "monetary_value" in columns:
        again = columns["frequency"] > 0
        x, z = columns["frequency"][again], columns["monetary_value"][again]

        def ours_gg() -> Any:
            return GammaGamma().fit(frequency=x, monetary_value=z)

        def theirs_gg() -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return theirs.GammaGammaFitter().fit(x, z)

        def score_gg(fitted: Any) -> str:
            known = isinstance(fitted, GammaGammaSpend)
            spend = GammaGammaSpend(**(fitted.params if known else dict(fitted.params_)))
            return f"{spend.log_likelihood_of(frequency=x, monetary_value=z):.6f}"

        pairs.append(("Gamma-Gamma", ours_gg, theirs_gg, score_gg, int(again.sum())))

    found = []
    for model, ours, other, score, customers in pairs:
        label = f"fit {model}, {name}"
        if theirs is None:
            found.append(alone(label, ours, repeat=repeat, rows=customers))
            print(f"{label}: log-likelihood {score(ours())}", file=sys.stderr)
            continue
        found.append(
            compare(label, ours, other, repeat=repeat, rival_name="lifetimes", rows=customers)
        )
        print(
            f"{label}: log-likelihood {score(ours())}, lifetimes {score(other())}", file=sys.stderr
        )
    return found


def main(*, large: bool = False) -> list[Comparison]:
    """The comparisons on CDNOW, with `large` also on a million customers."""
    theirs = rival()
    found = measured("CDNOW", cdnow(), theirs=theirs, repeat=5)
    if large:
        found += measured("a million", million(), theirs=theirs, repeat=3)
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
