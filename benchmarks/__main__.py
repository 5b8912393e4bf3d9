"""Run every benchmark: `python -m benchmarks [name ...] [--json FILE|-]`.

A benchmark is a module of this folder with `main() -> list[Comparison]`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Comparison, table

NOT_BENCHMARKS = {"__init__", "__main__", "harness"}


def available() -> list[str]:
    """The names of the benchmarks in this folder."""
    found = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return sorted(found - NOT_BENCHMARKS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks named, or all; print the table and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="all when none is given")
    parser.add_argument("--json", metavar="FILE", help="write every figure; - is the output")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(available()))
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {available()}")
    comparisons: list[Comparison] = []
    for name in options.names or available():
        print(f"running {name} ...", file=sys.stderr, flush=True)
        comparisons += importlib.import_module(f"benchmarks.{name}").main()
    figures = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "comparisons": [comparison.as_json() for comparison in comparisons],
    }
    if options.json == "-":
        print(json.dumps(figures, indent=2))
        return 0
    print(table(comparisons))
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
