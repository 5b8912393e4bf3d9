"""`make demo`: real purchases in, scored customers out, in one command."""

from __future__ import annotations

import time
from datetime import timedelta

import cyclopts
import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

import crmcore
from crmcore.cli.samples import Sample, cdnow_sample, simulated_sample
from crmcore.domain.instants import start_of
from crmcore.services import ImportReport, Scoring, advance, holdout, import_purchases, score

__all__ = ["demo"]

HORIZON = 39
PUBLISHED: dict[str, tuple[str, ...]] = {
    "BG/NBD": ("0.243", "4.414", "0.793", "2.426", "-9,582.4"),
    "Gamma-Gamma": ("6.25", "3.74", "15.44", "-4,055.92"),
}
"""Fader, Hardie and Lee (2005), table 2; Fader and Hardie (2013), section 5."""
RECENCY = ((0, 13, "within 13 weeks"), (13, 26, "13 to 26 weeks ago"), (26, 1e9, "longer ago"))
FREQUENCY = ((0, 1, "once"), (1, 3, "2 to 3 times"), (3, 1e9, "4 times or more"))


def demo(database: str = "sqlite:///crmcore-demo.db") -> None:
    """Import the CDNOW purchases, score the customers, and show what came out.

    Run again, it changes nothing: every purchase and score is recorded once.

    Parameters
    ----------
    database
        Where to keep them; any URL that crmcore.connect takes.

    """
    out = Console(highlight=False, soft_wrap=True)
    began = time.perf_counter()
    sample = cdnow_sample()
    if sample is None:
        out.print("The lifetimes wheel, which carries CDNOW, is not installed: simulating.")
        sample = simulated_sample()
    backend = crmcore.connect(database, model=crmcore.Model(currency="USD"))
    backend.migrate()
    report = import_purchases(backend, sample.rows, source="cdnow")
    scoring = score(backend, as_of=sample.as_of, horizon=HORIZON)
    moved = advance(backend, at=start_of(sample.until + timedelta(days=1), zone="UTC"))
    out.print(f"\n{sample.name}", style="bold", markup=False)
    out.print(f"in {database}\n", markup=False)
    _counts(out, report, scoring, moved.total)
    _parameters(out, scoring, sample)
    _accuracy(out, backend, scoring, sample)
    _groups(out, scoring)
    _stages(out, backend)
    _top(out, backend)
    backend.close()
    out.print(f"\nDone in {time.perf_counter() - began:.1f} s. Run it again: it changes nothing.")


def _counts(out: Console, report: ImportReport, scoring: Scoring, moved: int) -> None:
    out.print(
        f"Imported   {report.rows:,} purchases: {report.added:,} new, {report.unchanged:,} known "
        f"already, {report.rejected:,} rejected\n"
        f"Customers  {scoring.customers:,}: {report.customers_added:,} new, {moved:,} moves in "
        f"their life cycle\n"
        f"Scores     as of {scoring.as_of}: {scoring.added:,} new"
    )


def _parameters(out: Console, scoring: Scoring, sample: Sample) -> None:
    table = _table("Fitted, beside what the papers print")
    for name in ("model", "parameter", "fitted", "standard error", "published"):
        table.add_column(name, justify="left" if name in ("model", "parameter") else "right")
    for model, fitted in (("BG/NBD", scoring.purchases), ("Gamma-Gamma", scoring.spend)):
        printed = PUBLISHED[model] if sample.published else ("",) * len(PUBLISHED[model])
        for (name, value), digits in zip(fitted.params.items(), printed, strict=False):
            error = fitted.standard_errors[name]
            table.add_row(model, name, f"{value:.4f}", f"{error:.4f}", digits)
        log_likelihood = f"{fitted.log_likelihood:,.2f}"
        table.add_row(model, "log-likelihood", log_likelihood, "", printed[-1], end_section=True)
    out.print(table)


def _accuracy(out: Console, backend: crmcore.Backend, scoring: Scoring, sample: Sample) -> None:
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


def _groups(out: Console, scoring: Scoring) -> None:
    past = scoring.summary
    if scoring.value is None:
        out.print(f"\nNo lifetime values: {scoring.value_reason}")
        return
    value, since = scoring.value.value, past.T - past.recency
    table = _table(f"Value of the next {HORIZON} weeks, by recency and frequency")
    for name in ("last bought", "bought", "customers", "USD each", "share of value"):
        table.add_column(name, justify="left" if "bought" in name else "right")
    for low, high, recency in RECENCY:
        for least, most, frequency in FREQUENCY:
            here = (since >= low) & (since < high)
            here &= (past.frequency >= least) & (past.frequency < most)
            if here.any():
                count, each = f"{here.sum():,}", f"{value[here].mean():,.2f}"
                share = f"{value[here].sum() / value.sum():.1%}"
                table.add_row(recency, frequency, count, each, share)
    out.print(table)


def _stages(out: Console, backend: crmcore.Backend) -> None:
    with backend.reading() as unit:
        counts = {
            stage.name: unit.profiles.where(crmcore.field("stage") == stage.name).count()
            for stage in backend.model.life_cycle.stages
        }
    listed = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    out.print(f"\nStages at the end of the data: {listed}.")


def _top(out: Console, backend: crmcore.Backend) -> None:
    table = _table("Top customers, and why")
    for name in ("customer", "USD", "alive", "buys", "why"):
        table.add_column(name, justify="left" if name in ("customer", "why") else "right")
    with backend.reading() as unit:
        best = unit.profiles.where().order_by("lifetime_value", descending=True).page(limit=10)
        for profile in best:
            customer = unit.customers.get(profile.customer_id)
            scores = unit.scores.of(customer.id)
            table.add_row(
                customer.identifiers[0].value,
                f"{profile['lifetime_value']:,.2f}",
                f"{profile['probability_alive']:.0%}",
                f"{profile['expected_purchases']:.1f}",
                next(s.why for s in reversed(scores) if s.scorer == "lifetime_value"),
            )
    out.print(table)


def _table(title: str) -> Table:
    return Table(title="\n" + title, title_justify="left", box=SIMPLE, pad_edge=False)


if __name__ == "__main__":
    cyclopts.run(demo)
