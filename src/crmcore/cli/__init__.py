"""The command line. Needs the `cli` extra."""

from crmcore.domain.errors import MissingExtra

try:
    import cyclopts  # noqa: F401  what the commands are made with
    import rich  # noqa: F401  what they print with
except ImportError as _error:
    raise MissingExtra("cli") from _error

from crmcore.cli.app import main

__all__ = ["main"]
