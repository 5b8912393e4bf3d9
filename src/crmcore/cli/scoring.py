"""`crmcore score`: who is alive, and what they are worth."""

from __future__ import annotations

from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from crmcore import services
from crmcore.cli.places import opened
from crmcore.cli.progress import watched
from crmcore.cli.showing import ABSENT, counted, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import zone_named
from crmcore.services import Scoring

if TYPE_CHECKING:
    from crmcore.analytics import FittedGammaGamma, FittedProcess

__all__ = ["score"]


def score(
    *,
    as_of: str | None = None,
    horizon: float = 52.0,
    discount: float = 0.10,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """Say who is alive and what they are worth; append it as facts.

    It fits BG/NBD and Gamma-Gamma to all purchases up to a day, and gives each
    customer three scores: probability_alive, expected_purchases and
    lifetime_value. Run again over the same purchases, it adds nothing.

        crmcore score
        crmcore score --as-of 2026-03-31 --horizon 26
        crmcore customers --order-by lifetime_value --descending

    Parameters
    ----------
    as_of
        The last day to know of; today in the store's zone if not given.
    horizon
        How many weeks to look ahead; 52 if not given.
    discount
        What a purchase a year from now is discounted by; 0.10 if not given.

    """
    with opened(terminal) as backend:
        today = backend.clock().astimezone(zone_named(backend.model.zone)).date()
        day = today if as_of is None else _day(as_of)
        if day > today:
            reason = f"is after today, {today}: nobody knows yet who buys until then"
            raise InvalidInput.of("--as-of", reason)
        with terminal.progress("Fitting and scoring") as progress:
            scoring = services.score(
                watched(backend, progress), as_of=day, horizon=horizon, yearly_discount=discount
            )
    if terminal.json:
        terminal.document(_data(scoring, backend.model.currency))
        return
    terminal.say(
        f"{counted(scoring.customers, 'customer')} scored as of {scoring.as_of}, "
        f"{counted(scoring.added, 'new score')}.\n"
    )
    terminal.say(_fits(scoring))
    for model, fitted in _models(scoring):
        if fitted.status != "interior":
            why = f"{model} ({fitted.status}): {fitted.estimate.reason}"
            terminal.say(f"\n{why}. Read its scores with care.")
    if scoring.value is None:
        terminal.say(f"\nNo lifetime values: {scoring.value_reason}")
    else:
        total = float(scoring.value.value.sum())
        terminal.say(
            f"\nLifetime value of the next {scoring.horizon:g} weeks, all customers together: "
            f"{total:,.2f} {backend.model.currency}."
        )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of("--as-of", "is no day in ISO form, such as 2026-03-31") from None


def _models(scoring: Scoring) -> tuple[tuple[str, FittedProcess | FittedGammaGamma], ...]:
    return ("BG/NBD", scoring.purchases), ("Gamma-Gamma", scoring.spend)


def _fits(scoring: Scoring) -> Any:
    rows = [
        (model, name, _number(value), _number(fitted.standard_errors[name]))
        for model, fitted in _models(scoring)
        for name, value in fitted.params.items()
    ]
    return table(
        ("model", "parameter", "fitted", "standard error"), rows, right=("fitted", "standard error")
    )


def _number(value: float) -> str:
    return f"{value:,.4f}" if isfinite(value) else ABSENT


def _data(scoring: Scoring, currency: str) -> dict[str, Any]:
    value = scoring.value
    return {
        "as_of": scoring.as_of.isoformat(),
        "horizon_weeks": scoring.horizon,
        "customers": scoring.customers,
        "added": scoring.added,
        "models": {
            name: {
                "params": {key: _finite(number) for key, number in fitted.params.items()},
                "standard_errors": {
                    key: _finite(number) for key, number in fitted.standard_errors.items()
                },
                "log_likelihood": _finite(fitted.log_likelihood),
                "status": fitted.status,
            }
            for name, fitted in _models(scoring)
        },
        "lifetime_value": None if value is None else float(value.value.sum()),
        "lifetime_value_reason": scoring.value_reason,
        "currency": currency,
    }


def _finite(number: Any) -> float | None:
    """JSON has no number for what is not known (a standard error at the edge)."""
    found = float(number)
    return found if isfinite(found) else None
