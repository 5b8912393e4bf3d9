"""Fault figures at their full counts, one line each, every one beside its control.

    python -m tests.faults                                  everything
    python -m tests.faults killed-writers --backend sqlite  one figure on one backend
    python -m tests.faults --times 50 --results out.jsonl   fewer; figures in the file are not
                                                            tried again

The exit status is 1 when a promise was broken, or a control was not noticed.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.figures import FIGURES
from tests.faults.stores import EVERY, Store, store
from tests.servers import Unavailable


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    figures = ", ".join(FIGURES)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], metavar="figure", help=figures)
    parser.add_argument("--backend", action="append", choices=EVERY)
    parser.add_argument("--times", type=int, help="so many instead of the full count")
    parser.add_argument("--results", type=Path, help="lines of JSON, added to; resumes from it")
    return parser.parse_args()


def _chosen(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for name in given.names or FIGURES:
        for backend in FIGURES[name].times:
            if not given.backend or backend in given.backend:
                yield name, backend


def _tried(held: Store, name: str, backend: str, times: int | None) -> Iterator[dict[str, Any]]:
    figure = FIGURES[name]
    full = times or figure.times[backend]
    tries = [("", figure.tried, full)]
    tries += [(control, run, figure.fewer) for control, run in figure.controls.items()]
    for control, run, count in tries:
        since = time.monotonic()
        found = run(held, count)
        yield {
            "figure": name, "backend": backend, "control": control, "times": count,
            "seconds": round(time.monotonic() - since, 1), "violations": found.violations,
            "found": str(found),
        }  # fmt: skip


def _as_line(one: dict[str, Any]) -> str:
    noticed = bool(one["violations"])
    verdict = ("noticed" if noticed else "NOT NOTICED") if one["control"] else (
        "BROKEN" if noticed else "kept"
    )  # fmt: skip
    what = f"control: {one['control']}" if one["control"] else "promise"
    return (
        f"{one['figure']} {one['backend']} x{one['times']} [{what}] {verdict}, "
        f"violations={one['violations']}, {one['seconds']} s: {one['found']}"
    )


def main() -> int:
    """Try what was asked for; 1 if anything was not as promised."""
    given = _arguments()
    logging.disable(logging.CRITICAL)  # pools complain of what is cut here on purpose
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped
    past: set[tuple[str, str]] = set()
    if given.results is not None and given.results.exists():
        lines = map(json.loads, given.results.read_text().splitlines())
        past = {(line["figure"], line["backend"]) for line in lines}
    bad = 0
    for name, backend in _chosen(given):
        if (name, backend) in past:
            continue
        try:
            with store(backend, durable=FIGURES[name].durable) as held:
                results = []
                for one in _tried(held, name, backend, given.times):
                    results.append(one)
                    bad += bool(one["violations"]) != bool(one["control"])
                    print(_as_line(one), flush=True)  # noqa: T201  a command prints
        except Unavailable as missing:
            print(f"{name} {backend} left out: {missing}", flush=True)  # noqa: T201
            continue
        if given.results is not None:
            with given.results.open("a") as kept:
                kept.writelines(json.dumps(one) + "\n" for one in results)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
