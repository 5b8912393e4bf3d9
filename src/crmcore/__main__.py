"""`crmcore` and `python -m crmcore`: the command line, and one line where its extra is missing."""

from __future__ import annotations

import sys

from crmcore.domain.errors import MissingExtra

__all__ = ["main"]


def main() -> int:
    """Run the command line on the arguments of this process; the exit code."""
    try:
        from crmcore.cli import main as run

        return run()
    except MissingExtra as error:
        sys.stderr.write(f"crmcore: {error}\n")
        return 1
    except KeyboardInterrupt:  # before the command line could tell more
        sys.stderr.write("crmcore: interrupted.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
