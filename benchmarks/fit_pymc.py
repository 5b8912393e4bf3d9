"""Fitting BG/NBD, Pareto/NBD and Gamma-Gamma beside pymc-marketing's MAP, where it imports.

    python -m benchmarks fit_pymc
    CRMCORE_BENCH_ROWS=100000 python -m benchmarks fit_pymc

Its MAP has priors, so that it ends a little below the greatest likelihood; a first fit, which
compiles, is made of each model and not timed. CDNOW, and so many customers drawn from its rows
(10,000). The line on standard error tells both log-likelihoods.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.fit_cdnow import Columns, cdnow
from benchmarks.harness import Comparison, alone, compare
from crmcore.analytics import (
    BetaGeoNBD,
    BetaGeoNBDProcess,
    GammaGamma,
    GammaGammaSpend,
    ParetoNBD,
    ParetoNBDProcess,
)

ROWS = int(os.environ.get("CRMCORE_BENCH_ROWS", "10000"))
REPEAT = 3
MODELS: dict[str, tuple[Any, Any, str, tuple[str, ...]]] = {
    "BG/NBD": (BetaGeoNBD, BetaGeoNBDProcess, "BetaGeoModel", ("frequency", "recency", "T")),
    "Pareto/NBD": (ParetoNBD, ParetoNBDProcess, "ParetoNBDModel", ("frequency", "recency", "T")),
    "Gamma-Gamma": (
        GammaGamma, GammaGammaSpend, "GammaGammaModel", ("frequency", "monetary_value"),
    ),
}  # fmt: skip
"""Ours, the same with known parameters, its name there, and what it is fitted to."""


def rival() -> Any:
    """Its module of lifetime models, or None where it does not import."""
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    try:
        return import_module("pymc_marketing.clv")
    except Exception as error:  # noqa: BLE001 - whatever stops it, there is no rival to time
        print(f"no rival: pymc-marketing does not import ({error!r})", file=sys.stderr)
        return None


def many(columns: Columns, rows: int) -> Columns:
    """So many customers of these, drawn with replacement."""
    drawn = np.random.default_rng(7).integers(0, len(columns["T"]), rows)
    return {name: column[drawn] for name, column in columns.items()}


def measured(label: str, columns: Columns, theirs: Any) -> list[Comparison]:
    """Each model on these customers."""
    found = []
    for name, (ours, known, model, names) in MODELS.items():
        picked = columns["frequency"] > 0 if name == "Gamma-Gamma" else slice(None)
        asked: Any = {key: columns[key][picked] for key in names}
        title, rows = f"fit {name}, {label}", len(asked["frequency"])

        def fit(ours: Any = ours, asked: Any = asked) -> Any:
            return ours().fit(**asked)

        def score(params: Any, known: Any = known, asked: Any = asked) -> str:
            return f"{known(**params).log_likelihood_of(**asked):.4f}"

        told = f"{title}: log-likelihood {score(fit().params)}"
        if theirs is None:
            found.append(alone(title, fit, repeat=REPEAT, rows=rows))
        else:
            other = partial(_fitted, getattr(theirs, model), _frame(asked))
            told += f", pymc-marketing {score(_point(other(), fit().params))}"
            found.append(
                compare(title, fit, other, repeat=REPEAT, rival_name="pymc-marketing", rows=rows)
            )
        print(told, file=sys.stderr)
    return found


def _fitted(kind: Any, data: Any) -> Any:
    made = kind(data=data)
    made.fit(method="map", progressbar=False)
    return made


def _frame(asked: Columns) -> Any:
    import pandas as pd

    rows = pd.DataFrame({key: column.astype(float) for key, column in asked.items()})
    return rows.assign(customer_id=np.arange(len(rows)))


def _point(fitted: Any, names: Any) -> dict[str, float]:
    """Where it ended, by the names that the parameters have with us."""
    posterior = fitted.idata.posterior
    return {name: float(posterior[name].mean()) for name in names}


def main() -> list[Comparison]:
    """CDNOW, then as many as asked for."""
    theirs, columns = rival(), cdnow()
    found = measured("CDNOW", columns, theirs)
    return found + measured(f"{ROWS:,}", many(columns, ROWS), theirs)
