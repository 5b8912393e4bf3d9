"""A model whose parameters differ from customer to customer, as covariates make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.histories import History
from crmcore.analytics.pareto_nbd_of_each import ParetoNBDOfEach
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.simulation import Drawn
from crmcore.domain.errors import InvalidInput

__all__ = ["ProcessOfEach"]

FEW = 8
"""So few processes are quicker asked one after the other, each about equal customers once."""


@attrs.frozen(kw_only=True, eq=False)
class ProcessOfEach(PurchaseProcess):
    """What a model predicts for n customers, in order, each with parameters of its own.

    Answers what every model answers; histories are one for all, or n of them in the order of the
    covariates. `processes` are the different models and `rows` say whose each is. Without `rows`
    one process holds for all customers, however many. `n_parameters` counts the parameters and
    coefficients of the model that made it; of a fitted one those that were estimated, and
    `estimate` is that of the fit.
    """

    processes: tuple[PurchaseProcess, ...]
    rows: tuple[IntArray, ...] | None
    n_parameters: int
    estimate: Estimate | None = None

    @property
    def size(self) -> int | None:
        """How many customers it is for; None for any number."""
        return None if self.rows is None else sum(len(rows) for rows in self.rows)

    @property
    def params(self) -> dict[str, float]:
        """The parameters of all customers. InvalidInput where they differ: `params_of_each`."""
        if len(self.processes) != 1:
            raise InvalidInput.of("params", "differ from customer to customer: see params_of_each")
        return self.processes[0].params

    @property
    def params_of_each(self) -> dict[str, FloatArray]:
        """The parameters by name, (n) each, or numbers where one process holds for all."""
        names = self.processes[0].params if self.processes else {}
        nothing = np.zeros(())
        return {
            name: self._ask(lambda process, _, name=name: np.asarray(process.params[name]), nothing)
            for name in names
        }

    def log_likelihood_of(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> float:
        """The log-likelihood of these histories, one of each customer."""
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        many = checks.weights(weights, rows=history.x.size)
        checks.close()
        total = 0.0
        weight = np.ones(()) if many is None else many
        for process, _, (x, last, age, own) in self._split(*_columns(history), weight):
            total += process.log_likelihood_of(
                frequency=x, recency=last, T=age, weights=None if many is None else own
            )
        return total

    def _alive(self, history: History) -> FloatArray:
        return self._ask(
            lambda process, x, recency, T: process.probability_alive(
                frequency=x, recency=recency, T=T
            ),
            *_columns(history),
        )

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        return self._ask(
            lambda process, x, recency, T, t: process.expected_purchases(
                t=t, frequency=x, recency=recency, T=T
            ),
            *(*_columns(history), t),
        )

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        return self._ask(
            lambda process, x, recency, T, t, n: process.probability_of_purchases(
                n=n, t=t, frequency=x, recency=recency, T=T
            ),
            *(*_columns(history), t, n),
        )

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        return self._ask(
            lambda process, x, recency, T, t, n: process.probability_of_at_least(
                n=n, t=t, frequency=x, recency=recency, T=T
            ),
            *(*_columns(history), t, n),
        )

    def _expected_new(self, t: FloatArray) -> FloatArray:
        return self._ask(lambda process, t: process.expected_purchases_new(t=t), t)

    def _exactly_new(self, n: FloatArray, t: FloatArray) -> FloatArray:
        return self._ask(lambda process, n, t: process.probability_of_n(n=n, t=t), n, t)

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        return self._ask(
            lambda process, x, recency, T: process.discounted_purchases(
                discount_rate=rate, frequency=x, recency=recency, T=T, horizon=end
            ),
            *_columns(history),
        )

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        everybody = np.arange(len(age))
        rate, dropout = np.empty(len(age)), np.empty(len(age))
        customers, times = [np.zeros(0, np.intp)], [np.zeros(0)]
        for process, rows, (until,) in self._split(age):
            seen = process.simulate(n_customers=len(until), T=until, seed=int(draw.integers(2**62)))
            rate[rows], dropout[rows] = seen.rate, seen.dropout
            customers.append(everybody[rows][seen.customer])
            times.append(seen.time)
        return Drawn(np.concatenate(customers), np.concatenate(times), rate, dropout)

    def _ask(self, question: Callable[..., FloatArray], *columns: FloatArray) -> FloatArray:
        """What each customer's own process answers."""
        if self.size is None:
            return question(self.processes[0], *columns)
        joined = self._joined
        if joined is not None:
            return question(joined, *self._aligned(*columns))
        out = np.empty(self.size)
        for process, rows, own in self._split(*columns):
            out[rows] = question(process, *own)
        return out

    def _split(
        self, *columns: FloatArray
    ) -> Iterator[tuple[PurchaseProcess, IntArray | slice, tuple[FloatArray, ...]]]:
        """Each process, its rows, and what the columns hold there."""
        if self.rows is None:
            yield self.processes[0], slice(None), columns
            return
        columns = self._aligned(*columns)
        for process, rows in zip(self.processes, self.rows, strict=True):
            yield process, rows, tuple(column[rows] for column in columns)

    def _aligned(self, *columns: FloatArray) -> tuple[FloatArray, ...]:
        """The columns, one entry for each customer. InvalidInput where they are of others."""
        for column in columns:
            if column.ndim and len(column) != self.size:
                raise InvalidInput.of(
                    "covariates", f"have {self.size} rows where the histories have {len(column)}"
                )
        return tuple(np.broadcast_to(column, (self.size or 0,)) for column in columns)

    @property
    def _joined(self) -> PurchaseProcess | None:
        """One process of all customers where many differ and the model can be asked so."""
        if len(self.processes) < FEW or not isinstance(self.processes[0], ParetoNBDProcess):
            return None
        params: dict[str, FloatArray] = {}
        for name in ("alpha", "beta"):
            params[name] = np.empty(self.size or 0)
            for process, rows in zip(self.processes, self.rows or (), strict=True):
                params[name][rows] = process.params[name]
        return ParetoNBDOfEach.of(self.processes[0], params)


def _columns(history: History) -> tuple[FloatArray, FloatArray, FloatArray]:
    return history.x, history.recency, history.T
