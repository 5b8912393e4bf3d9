"""`python -m tests.segments --pairs 100000 --engine polars`: one predicate, one answer everywhere.

Draws populations and predicates from a seed, asks the engine (a store, or frames of one), the
domain's definition and an oracle that shares no code with them, and counts differences. Many pairs
can be asked in parts, each with a seed of its own. `--plant` plants a mistake, which must be found.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import suppress
from random import Random

from crmcore.adapters.columns import FrameLibrary
from crmcore.domain.errors import MissingExtra
from tests.hostile.stores import Make
from tests.segments.comparing import Tally, compare
from tests.segments.engines import ENGINES, engines
from tests.segments.people import population
from tests.segments.planted import PLANTED

SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000, help="predicates times populations")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--customers", type=int, default=200, help="of a population")
    parser.add_argument("--each", type=int, default=1000, help="predicates for each population")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=PLANTED, help="a mistake that must be found")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally, began = Tally(), time.monotonic()
    try:
        with engines(given.engine) as (make, library):
            many = ask(given, make, library, tally)
    except MissingExtra as error:
        parser.error(f"{given.engine} is not installed: {error}")
    told = f"{given.engine}, seed {given.seed}, {many} populations of {given.customers:,}: {tally}"
    seconds = time.monotonic() - began
    lines = [f"{told}; {seconds:.0f} s", *tally.findings[:SHOWN]]
    sys.stdout.write("\n    ".join(lines) + "\n")
    return int(bool(tally.findings))


def ask(given: argparse.Namespace, make: Make, library: FrameLibrary | None, tally: Tally) -> int:
    """One population after another; answer how many, when all is asked or who waits gives up."""
    many, plant = 0, PLANTED.get(given.plant)
    with suppress(KeyboardInterrupt):
        while tally.pairs < given.pairs:
            many += 1
            random = Random(f"{given.seed} {many}")
            backend = make(f"t{many}")
            backend.migrate()
            with population(backend, random, given.customers, library) as people:
                left = given.pairs - tally.pairs
                compare(people, random, min(given.each, left), tally, plant=plant)
    return many


if __name__ == "__main__":
    sys.exit(main())
