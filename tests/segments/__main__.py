"""`python -m tests.segments --pairs 100000 --engine sqlite`: one predicate, one answer everywhere.

Draws populations and predicates from a seed, asks the engine, the domain's definition and an
oracle that shares no code with them, and counts differences. `--plant` plants a mistake, which
must be found.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import suppress
from itertools import count
from random import Random

from crmcore.testing.contract.draws import MODEL
from tests.hostile.stores import STORES, opened
from tests.segments.comparing import Tally, compare, population
from tests.segments.planted import PLANTED

SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000, help="predicates times populations")
    parser.add_argument("--engine", choices=STORES, default="sqlite")
    parser.add_argument("--customers", type=int, default=200, help="of a population")
    parser.add_argument("--each", type=int, default=1000, help="predicates for each population")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=PLANTED, help="a mistake that must be found")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plant = PLANTED.get(given.plant)
    tally, began, many = Tally(), time.monotonic(), 0
    with opened(given.engine, MODEL) as make, suppress(KeyboardInterrupt):
        for many in count(1):
            random = Random(f"{given.seed} {many}")
            backend = make(f"t{many}")
            backend.migrate()
            with population(backend, random, given.customers) as people:
                left = given.pairs - tally.pairs
                compare(people, random, min(given.each, left), tally, plant=plant)
            if tally.pairs >= given.pairs:
                break
    told = f"{given.engine}, seed {given.seed}, {many} populations of {given.customers:,}: {tally}"
    seconds = time.monotonic() - began
    lines = [f"{told}; {seconds:.0f} s", *tally.findings[:SHOWN]]
    sys.stdout.write("\n    ".join(lines) + "\n")
    return int(bool(tally.findings))


if __name__ == "__main__":
    sys.exit(main())
