"""Purchases to try crmcore with: the CDNOW sample of the papers, or a simulated one.

CDNOW: 2,357 customers who first bought in the first quarter of 1997, followed for 78 weeks
(Fader, Hardie and Lee 2005). It travels in the wheel of the `lifetimes` package, from which it
is read as data, without importing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import attrs

__all__ = ["Sample", "cdnow_sample", "simulated_sample"]

BEGIN = date(1997, 1, 1)
AS_OF = date(1997, 9, 30)
END = date(1998, 6, 30)


@attrs.frozen
class Sample:
    """Purchases as rows for `import_purchases`, with the day to score at and the last day."""

    name: str
    rows: tuple[Mapping[str, str], ...] = attrs.field(repr=False)
    published: bool
    as_of: date = AS_OF
    until: date = END


def cdnow_sample() -> Sample | None:
    """The CDNOW sample; `None` where the `lifetimes` wheel is not installed."""
    spec = find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(spec.submodule_search_locations[0]) / "datasets" / "CDNOW_sample.txt"
    if not file.is_file():
        return None
    lines = file.read_text(encoding="ascii").splitlines()
    cells = (line.split() for line in lines if line.strip())
    rows = tuple({"customer_id": c[1], "date": c[2], "amount": c[4]} for c in cells)
    name = "CDNOW, 2,357 customers who first bought in the first quarter of 1997"
    return Sample(name, rows, published=True)


def simulated_sample(*, n_customers: int = 2_357, seed: int = 1997) -> Sample:
    """As many customers as CDNOW has, drawn from the published BG/NBD and Gamma-Gamma models."""
    import numpy as np

    from crmcore.analytics import BetaGeoNBDProcess

    draw = np.random.default_rng(seed)
    first = draw.integers(0, 84, n_customers)
    last = (END - BEGIN).days
    process = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
    bought = process.simulate(n_customers=n_customers, T=(last - first) / 7, seed=seed)
    customer = np.concatenate([np.arange(n_customers), bought.customer])
    days = np.concatenate([first, first[bought.customer] + np.floor(bought.time * 7).astype(int)])
    scale = draw.gamma(3.74, 1 / 15.44, n_customers)
    spent = draw.gamma(6.25, 1 / scale[customer])
    rows: Iterator[Mapping[str, str]] = (
        {
            "customer_id": str(who),
            "date": (BEGIN + timedelta(days=int(day))).isoformat(),
            "amount": f"{amount:.2f}",
        }
        for who, day, amount in zip(customer, days, spent, strict=True)
    )
    name = "a simulated sample of the published models' own making"
    return Sample(name, tuple(rows), published=False)
