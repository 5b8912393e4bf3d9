"""One predicate asked of one population in every way there is, and the answers compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.predicates import Predicate
from tests.segments.engines import Ids
from tests.segments.people import Population
from tests.segments.questions import questions, shown, within

__all__ = ["Plant", "Tally", "compare"]

Plant = Callable[[Predicate], Predicate]
"""A mistake: what is asked of the library instead of the predicate."""


@attrs.define
class Tally:
    """What came out of many pairs of a predicate and a population."""

    pairs: int = 0
    nobody: int = 0
    everybody: int = 0
    laws: int = 0
    findings: list[str] = attrs.field(factory=list)

    def __str__(self) -> str:
        told = self.pairs - self.nobody - self.everybody
        return (
            f"{self.pairs:,} pairs, {len(self.findings)} differences, {self.laws:,} laws held; "
            f"{self.nobody:,} selected nobody, {self.everybody:,} everybody, "
            f"{told / max(1, self.pairs):.0%} some"
        )


@attrs.frozen
class Claim:
    """For whom a predicate must hold, by a law or as the oracle reads it."""

    law: str
    predicate: Predicate
    ids: Ids


def compare(
    people: Population, random: Random, many: int, tally: Tally, *, plant: Plant | None = None
) -> None:
    """Ask so many predicates; differences are told with the smallest part that differs."""
    drawn = islice(questions(random, people.instants), many)
    ask = plant or (lambda predicate: predicate)
    before: Claim | None = None
    while batch := list(islice(drawn, people.engine.batch)):
        claimed: list[list[Claim]] = []
        for predicate in batch:
            asked = Claim("", predicate, people.by_oracle(predicate))
            tally.pairs += 1
            tally.nobody += not asked.ids
            tally.everybody += asked.ids == people.everybody
            claimed.append([asked, *_laws(people, asked, before, tally.pairs)])
            before = asked
        every = [claim for claims in claimed for claim in claims]
        answers = iter(_answers(people, [ask(claim.predicate) for claim in every]))
        first = tally.pairs - len(batch) + 1
        for pair, claims in enumerate(claimed, first):
            tally.laws += len(claims) - 1
            asked = claims[0]
            ways = _unlike("python", _tried(people.by_python, ask(asked.predicate)), asked)
            for claim in claims:
                ways += _unlike("engine", next(answers), claim)
            if pair % 8 == 4:
                tally.laws += 1
                ways += _otherwise(people, ask(asked.predicate), asked)
            if ways:
                tally.findings.append(_told(people, asked.predicate, ways, ask))


def _laws(people: Population, asked: Claim, before: Claim | None, pair: int) -> Iterator[Claim]:
    """Complement, and De Morgan with the predicate before."""
    everybody, p = people.everybody, asked.predicate
    if pair % 2 == 0:
        yield Claim("~p", ~p, everybody - asked.ids)
    if before is not None and pair % 8 == 0:
        q, both = before.predicate, asked.ids & before.ids
        yield Claim("p & q", p & q, both)
        yield Claim("~(p & q)", ~(p & q), everybody - both)
        yield Claim("~p | ~q", ~p | ~q, everybody - both)


Answer = Ids | InvalidInput


def _tried(way: Callable[[Predicate], Ids], asked: Predicate) -> Answer:
    try:
        return way(asked)
    except InvalidInput as error:
        return error


def _answers(people: Population, asked: Sequence[Predicate]) -> Sequence[Answer]:
    """The engine's, all in one; where something cannot be asked, one by one."""
    try:
        return people.engine.each(asked)
    except InvalidInput:
        return [_tried(people.engine.alone, one) for one in asked]


def _otherwise(people: Population, asked: Predicate, claim: Claim) -> list[str]:
    """The same counted, and asked by itself."""
    try:
        count = people.engine.count(asked)
    except InvalidInput as error:
        return [f"engine: {error}"]
    ways = _unlike("alone", _tried(people.engine.alone, asked), claim)
    return ways if count == len(claim.ids) else [*ways, "engine: the law of count"]


def _unlike(way: str, answer: Answer, claim: Claim) -> list[str]:
    """In what an answer is not as claimed."""
    if isinstance(answer, InvalidInput):
        return [f"{way}: {answer}"]
    if answer == claim.ids:
        return []
    if claim.law:
        return [f"{way}: the law of {claim.law}"]
    more, fewer = len(answer - claim.ids), len(claim.ids - answer)
    return [f"{way}: {more} too many, {fewer} too few"]


def _told(people: Population, predicate: Predicate, ways: list[str], ask: Plant) -> str:
    smallest = predicate
    for part in within(predicate):
        claim = Claim("", part, people.by_oracle(part))
        found = _unlike("python", _tried(people.by_python, ask(part)), claim)
        if found := found + _unlike("engine", _answers(people, [ask(part)])[0], claim):
            smallest, ways = part, found
    return f"asked at {people.at}: {shown(smallest)}: {'; '.join(ways)}"
