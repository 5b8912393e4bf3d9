"""`python -m tests.hostile --times 100000`: hostile text in every field, on every backend."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack, suppress
from itertools import islice
from random import Random

from tests.hostile.fuzzing import Tally, batches, check
from tests.hostile.stores import STORES, opened
from tests.hostile.texts import hostile_texts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000, help="how many texts")
    parser.add_argument("--backend", choices=STORES, action="append", help="all of them if absent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=250, help="texts in one unit of work")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = given.backend or STORES
    tallies = {store: Tally() for store in chosen}
    spent = dict.fromkeys(chosen, 0.0)
    with ExitStack() as stack:
        makers = {store: stack.enter_context(opened(store)) for store in chosen}
        texts = islice(hostile_texts(given.seed), given.times)
        with suppress(KeyboardInterrupt):  # what was found so far is told
            for nth, batch in enumerate(batches(texts, given.batch)):
                for store, make in makers.items():
                    began = time.monotonic()
                    check(make, batch, tallies[store], Random(f"{given.seed} {nth}"))
                    spent[store] += time.monotonic() - began
    for store, tally in tallies.items():
        lines = [f"{store}: {tally} ({spent[store]:.0f} s)", *tally.findings]
        sys.stdout.write("\n    ".join(lines) + "\n")
    return int(any(tally.findings for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
