"""The customers as columns: one entry each, in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from crmcore.analytics.checks import BoolArray, FloatArray, IntArray
from crmcore.domain.ports import Backend

__all__ = ["NEVER", "SCORERS", "Customers", "Labels"]

SCORERS = ("probability_alive", "expected_purchases", "lifetime_value")
NEVER = -(2**62)


@attrs.frozen(eq=False)
class Labels:
    """A text of few different values: `names`, and by customer the place of theirs in it."""

    names: tuple[str | None, ...]
    codes: IntArray

    def counts(self, among: BoolArray) -> dict[str | None, int]:
        """How many of those customers have each value, the most frequent first, then by name."""
        found = np.bincount(self.codes[among], minlength=len(self.names))
        pairs = [(n, int(c)) for n, c in zip(self.names, found, strict=True) if c]
        return dict(sorted(pairs, key=lambda pair: (pair[0] is None, -pair[1], pair[0] or "")))


@attrs.define
class _Texts:
    """Collects a column of few different texts as small integers."""

    known: dict[str | None, int] = attrs.field(factory=dict)
    parts: list[IntArray] = attrs.field(factory=list)

    def add(self, values: Sequence[str | None]) -> None:
        known = self.known
        codes = [known.setdefault(value, len(known)) for value in values]
        self.parts.append(np.array(codes, np.int64))

    def labels(self, order: IntArray) -> Labels:
        return Labels(tuple(self.known), _joined(self.parts, np.int64)[order])


@attrs.frozen(kw_only=True, eq=False)
class Customers:
    """Every customer in the store: ids ascending, instants in milliseconds, scores as they are
    in the profile (`nan` where there is none), `scored_at` the instants of the scores.
    """

    ids: tuple[bytes, ...]
    known_since: IntArray
    stage_since: IntArray
    stages: Labels
    kinds: Labels
    languages: Labels
    regions: Labels
    scores: dict[str, FloatArray]
    scored_at: dict[str, IntArray]

    @classmethod
    def read(cls, backend: Backend) -> Customers:
        """From the profiles, batch by batch, without a personal field."""
        ids: list[bytes] = []
        texts = {name: _Texts() for name in ("stage", "kind", "language", "region")}
        times: dict[str, list[IntArray]] = {"known_since": [], "stage_since": []}
        values: dict[str, list[FloatArray]] = {name: [] for name in SCORERS}
        dates: dict[str, list[IntArray]] = {name: [] for name in SCORERS}
        for batch in backend.columns("profiles"):
            ids += batch["customer_id"]
            for name, column in texts.items():
                column.add(batch[name])
            for name, parts in times.items():
                parts.append(np.array(batch[name], np.int64))
            for name in SCORERS:
                values[name].append(np.array(batch[name], np.float64))
                told = [NEVER if at is None else at for at in batch[f"{name}_at"]]
                dates[name].append(np.array(told, np.int64))
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        return cls(
            ids=tuple(ids[place] for place in order),
            stages=texts["stage"].labels(order), kinds=texts["kind"].labels(order),
            languages=texts["language"].labels(order), regions=texts["region"].labels(order),
            scores={n: _joined(parts, np.float64)[order] for n, parts in values.items()},
            scored_at={n: _joined(parts, np.int64)[order] for n, parts in dates.items()},
            **{n: _joined(parts, np.int64)[order] for n, parts in times.items()},
        )  # fmt: skip

    def places(self) -> dict[bytes, int]:
        """Where each id stands."""
        return {id: place for place, id in enumerate(self.ids)}


def _joined(parts: list[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.empty(0, kind), *parts])
