"""`crmcore demo`: real purchases in, scored customers out, in one command."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import crmcore
from crmcore.cli.places import shown
from crmcore.cli.progress import watched
from crmcore.cli.samples import Sample, cdnow_sample, simulated_sample
from crmcore.cli.showing import table
from crmcore.cli.terminal import Terminal
from crmcore.domain.instants import start_of
from crmcore.services import ImportReport, Scoring, advance, holdout, import_purchases, score

__all__ = ["demo"]

DEMO_URL = "sqlite:///crmcore-demo.db"
HORIZON = 39
PUBLISHED: dict[str, tuple[str, ...]] = {
    "BG/NBD": ("0.243", "4.414", "0.793", "2.426", "-9,582.4"),
    "Gamma-Gamma": ("6.25", "3.74", "15.44", "-4,055.92"),
}
"""Fader, Hardie and Lee (2005), table 2; Fader and Hardie (2013), section 5."""
RECENCY = ((0, 13, "within 13 weeks"), (13, 26, "13 to 26 weeks ago"), (26, 1e9, "longer ago"))
FREQUENCY = ((0, 1, "once"), (1, 3, "2 to 3 times"), (3, 1e9, "4 times or more"))


def demo(*, terminal: Annotated[Terminal, Parameter(parse=False)]) -> None:
    """Import the CDNOW purchases, score the customers, show what came out.

    It keeps them in crmcore-demo.db in this folder, unless --url names another
    place; CRMCORE_URL is not looked at. Run again, it changes nothing: every
    purchase and score is recorded once.

        crmcore demo
        crmcore demo --url sqlite:////tmp/demo.db
        crmcore segments --url sqlite:///crmcore-demo.db
    """
    began = time.perf_counter()
    sample = cdnow_sample()
    if sample is None:
        told = "The lifetimes wheel, which carries CDNOW, is not installed: simulating."
        terminal.remark(told)
        sample = simulated_sample()
    place = terminal.given_url or DEMO_URL
    backend = crmcore.connect(place, tenant=terminal.tenant, model=crmcore.Model(currency="USD"))
    try:
        backend.migrate()
        with terminal.progress("Importing purchases", total=len(sample.rows)) as progress:
            report = import_purchases(watched(backend, progress), sample.rows, source="cdnow")
        with terminal.progress("Fitting and scoring") as progress:
            scoring = score(watched(backend, progress), as_of=sample.as_of, horizon=HORIZON)
        moved = advance(backend, at=start_of(sample.until + timedelta(days=1), zone="UTC")).total
        if terminal.json:
            terminal.document(_data(sample, place, report, scoring, moved))
            return
        terminal.print(f"{sample.name}\nin {shown(place)}\n")
        _counts(terminal, report, scoring, moved)
        _tell(terminal, backend, sample, scoring)
    finally:
        backend.close()
    took = time.perf_counter() - began
    terminal.print(f"\nDone in {took:.1f} s. Run it again: it changes nothing.")


def _data(
    sample: Sample, place: str, report: ImportReport, scoring: Scoring, moved: int
) -> dict[str, Any]:
    fits = {"BG/NBD": scoring.purchases, "Gamma-Gamma": scoring.spend}
    return {
        "sample": sample.name,
        "url": shown(place),
        "purchases": {"rows": report.rows, "added": report.added, "unchanged": report.unchanged,
                      "rejected": report.rejected},
        "customers": {"scored": scoring.customers, "added": report.customers_added},
        "moves": moved,
        "scores_added": scoring.added,
        "models": {name: dict(fitted.params) for name, fitted in fits.items()},
    }  # fmt: skip


def _tell(out: Terminal, backend: crmcore.Backend, sample: Sample, scoring: Scoring) -> None:
    _parameters(out, scoring, sample)
    _accuracy(out, backend, scoring, sample)
    _groups(out, scoring)
    _stages(out, backend)
    _top(out, backend)


def _counts(out: Terminal, report: ImportReport, scoring: Scoring, moved: int) -> None:
    out.print(
        f"Imported   {report.rows:,} purchases: {report.added:,} new, {report.unchanged:,} known "
        f"already, {report.rejected:,} rejected\n"
        f"Customers  {scoring.customers:,}: {report.customers_added:,} new, {moved:,} moves in "
        f"their life cycle\n"
        f"Scores     as of {scoring.as_of}: {scoring.added:,} new"
    )


def _parameters(out: Terminal, scoring: Scoring, sample: Sample) -> None:
    rows = []
    for model, fitted in (("BG/NBD", scoring.purchases), ("Gamma-Gamma", scoring.spend)):
        printed = PUBLISHED[model] if sample.published else ("",) * len(PUBLISHED[model])
        for (name, value), digits in zip(fitted.params.items(), printed, strict=False):
            error = fitted.standard_errors[name]
            rows.append((model, name, f"{value:.4f}", f"{error:.4f}", digits))
        log_likelihood = f"{fitted.log_likelihood:,.2f}"
        rows.append((model, "log-likelihood", log_likelihood, "", printed[-1]))
    heads = ("model", "parameter", "fitted", "standard error", "published")
    title = "Fitted, beside what the papers print"
    out.print(table(heads, rows, right=heads[2:], title=title))


def _accuracy(out: Terminal, backend: crmcore.Backend, scoring: Scoring, sample: Sample) -> None:
    actual = holdout(backend, scoring, until=sample.until)
    expected = _expected(scoring)
    wrong, naive = np.abs(expected - actual).mean(), np.abs(actual.mean() - actual).mean()
    out.print(
        f"\nThe {HORIZON} weeks that the models did not see\n"
        f"Expected {expected.sum():,.1f} purchases, {actual.sum():,} came "
        f"({expected.sum() / max(actual.sum(), 1) - 1:+.1%}).\n"
        f"By customer: correlation {np.corrcoef(expected, actual)[0, 1]:.2f}, mean error "
        f"{wrong:.2f}; one number for everybody would err by {naive:.2f}."
    )


def _expected(scoring: Scoring) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    past = scoring.summary
    found = scoring.purchases.expected_purchases(
        t=HORIZON, frequency=past.frequency, recency=past.recency, T=past.T
    )
    return np.asarray(found)


def _groups(out: Terminal, scoring: Scoring) -> None:
    past = scoring.summary
    if scoring.value is None:
        out.print(f"\nNo lifetime values: {scoring.value_reason}")
        return
    value, since = scoring.value.value, past.T - past.recency
    rows = []
    for low, high, recency in RECENCY:
        for least, most, frequency in FREQUENCY:
            here = (since >= low) & (since < high)
            here &= (past.frequency >= least) & (past.frequency < most)
            if here.any():
                count, each = f"{here.sum():,}", f"{value[here].mean():,.2f}"
                share = f"{value[here].sum() / value.sum():.1%}"
                rows.append((recency, frequency, count, each, share))
    heads = ("last bought", "bought", "customers", "USD each", "share of value")
    title = f"Value of the next {HORIZON} weeks, by recency and frequency"
    out.print(table(heads, rows, right=heads[2:], title=title))


def _stages(out: Terminal, backend: crmcore.Backend) -> None:
    with backend.reading() as unit:
        counts = {
            stage.name: unit.profiles.where(crmcore.field("stage") == stage.name).count()
            for stage in backend.model.life_cycle.stages
        }
    listed = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    out.print(f"\nStages at the end of the data: {listed}.")


def _top(out: Terminal, backend: crmcore.Backend) -> None:
    rows = []
    with backend.reading() as unit:
        best = unit.profiles.where().order_by("lifetime_value", descending=True).page(limit=10)
        for profile in best:
            customer = unit.customers.get(profile.customer_id)
            scores = unit.scores.of(customer.id)
            why = next(s.why for s in reversed(scores) if s.scorer == "lifetime_value")
            rows.append((
                customer.identifiers[0].value,
                f"{profile['lifetime_value']:,.2f}",
                f"{profile['probability_alive']:.0%}",
                f"{profile['expected_purchases']:.1f}",
                why or "",
            ))  # fmt: skip
    heads = ("customer", "USD", "alive", "buys", "why")
    out.print(table(heads, rows, right=heads[1:4], title="Top customers, and why"))
