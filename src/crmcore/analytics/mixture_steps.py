"""The EM steps of a mixture of Gaussians, in logs, a chunk of rows at a time.

The log density of a Gaussian is linear in 1, x and the products of x with itself, so one matrix
product gives the densities of a chunk under all components, and another the sums that the next
parameters are made of.
"""

from __future__ import annotations

from typing import Self

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray

__all__ = ["Mixture", "climbed"]

CHUNK = 16_384
GAIN = 1e-5
"""The search ends where a step adds less to the mean log-likelihood of a customer."""


@attrs.frozen(kw_only=True, eq=False)
class Mixture:
    """Components by `shares` (c), `means` (c, k) and `covariances` (c, k, k)."""

    shares: FloatArray
    means: FloatArray
    covariances: FloatArray
    floor: float
    full: bool

    @classmethod
    def around(
        cls, rows: FloatArray, weights: FloatArray, labels: IntArray, *, floor: float, full: bool
    ) -> Self:
        """The mixture whose components are these clusters."""
        clusters = int(labels.max(initial=-1)) + 1
        sums = np.zeros((clusters, _terms(rows[:1], full).shape[1]))
        for begin in range(0, len(rows), CHUNK):
            part = slice(begin, begin + CHUNK)
            terms = _terms(rows[part], full) * weights[part, None]
            np.add.at(sums, labels[part], terms)
        return cls._of(sums, rows.shape[1], floor, full)

    @classmethod
    def _of(cls, sums: FloatArray, size: int, floor: float, full: bool) -> Self:
        """The most likely parameters, given the sums over each component."""
        counts = sums[:, 0] + 1e-12
        means = sums[:, 1 : 1 + size] / counts[:, None]
        seconds = np.zeros((len(sums), size, size))
        left, right = _pairs(size, full)
        seconds[:, left, right] = sums[:, 1 + size :] / counts[:, None]
        seconds[:, right, left] = seconds[:, left, right]
        covariances = seconds - (means[:, :, None] * means[:, None, :] if full else 0)
        diagonal = np.arange(size)
        if not full:
            covariances[:, diagonal, diagonal] -= means * means
            covariances[:, diagonal, diagonal] = np.maximum(
                covariances[:, diagonal, diagonal], floor
            )
        else:
            covariances = _lifted(covariances, floor)
        return cls(
            shares=counts / max(counts.sum(), 1e-300), means=means, covariances=covariances,
            floor=floor, full=full,
        )  # fmt: skip

    def _logs(self) -> FloatArray:
        """By which the terms of a row are multiplied to give its log densities, (terms, c)."""
        size = self.means.shape[1]
        inverse = np.linalg.inv(self.covariances)
        towards = np.einsum("cij,cj->ci", inverse, self.means)
        _, volume = np.linalg.slogdet(self.covariances)
        constant = np.log(self.shares) - 0.5 * (
            size * np.log(2 * np.pi) + volume + (towards * self.means).sum(axis=1)
        )
        left, right = _pairs(size, self.full)
        twice = np.where(left == right, 0.5, 1.0)
        logs = np.vstack([constant, towards.T, -(inverse[:, left, right] * twice).T])
        return np.asarray(logs, np.float64)

    def step(self, rows: FloatArray, weights: FloatArray) -> tuple[Mixture, float]:
        """The next mixture, and the log-likelihood of this one."""
        logs, size = self._logs(), rows.shape[1]
        sums, total = np.zeros(logs.T.shape), 0.0
        for begin in range(0, len(rows), CHUNK):
            part = slice(begin, begin + CHUNK)
            terms = _terms(rows[part], self.full)
            density = terms @ logs
            top = density.max(axis=1)
            density -= top[:, None]
            np.exp(density, out=density)
            whole = density.sum(axis=1)
            total += float(weights[part] @ (top + np.log(whole)))
            density *= (weights[part] / whole)[:, None]
            sums += density.T @ terms
        return self._of(sums, size, self.floor, self.full), total

    def told(self, rows: FloatArray, weights: FloatArray) -> tuple[float, IntArray, FloatArray]:
        """The log-likelihood; of each row the likeliest component, numbered from 0 without those
        that are nobody's likeliest, and its probability.
        """
        labels, probability = np.zeros(len(rows), np.int64), np.ones(len(rows))
        logs, total = self._logs() if len(self.shares) else np.zeros((1, 0)), 0.0
        if not len(rows):
            return total, labels, probability
        kept = np.arange(len(self.shares))
        while True:
            total = 0.0
            for begin in range(0, len(rows), CHUNK):
                part = slice(begin, begin + CHUNK)
                density = _terms(rows[part], self.full) @ logs
                top = density.max(axis=1)
                whole = top + np.log(np.exp(density - top[:, None]).sum(axis=1))
                total += float(weights[part] @ whole)
                among = density[:, kept]
                labels[part] = among.argmax(axis=1)
                probability[part] = np.exp(among.max(axis=1) - whole)
            taken = np.bincount(labels, weights, len(kept)) > 0
            if taken.all():
                return total, labels, probability
            kept = kept[taken]


def climbed(
    mixture: Mixture, rows: FloatArray, weights: FloatArray, steps: int
) -> tuple[Mixture, int, bool]:
    """The mixture after EM, how many steps it took, and whether it ended by itself."""
    if not len(rows) or not rows.shape[1]:
        return mixture, 0, True
    before, enough = -np.inf, GAIN * float(weights.sum())
    for taken in range(steps):
        following, likelihood = mixture.step(rows, weights)
        if likelihood - before < enough:
            return mixture, taken, True
        before, mixture = likelihood, following
    return mixture, steps, False


def _pairs(size: int, full: bool) -> tuple[IntArray, IntArray]:
    if full:
        left, right = np.triu_indices(size)
        return left.astype(np.int64), right.astype(np.int64)
    return np.arange(size), np.arange(size)


def _terms(rows: FloatArray, full: bool) -> FloatArray:
    """1, x, and the products of x with itself, (rows, terms)."""
    left, right = _pairs(rows.shape[1], full)
    return np.column_stack([np.ones(len(rows)), rows, rows[:, left] * rows[:, right]])


def _lifted(covariances: FloatArray, floor: float) -> FloatArray:
    """The covariances with no variance below the floor in any direction."""
    if not covariances.shape[1]:
        return covariances
    values, axes = np.linalg.eigh(covariances)
    lifted = np.maximum(values, floor)
    return np.asarray((axes * lifted[:, None, :]) @ axes.transpose(0, 2, 1))
