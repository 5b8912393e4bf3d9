"""The guide shows what the commands print, and every exit code and command that there is."""

from __future__ import annotations

from crmcore.cli import remedies
from crmcore.cli.app import COMMANDS
from tests.cli.recording import PAGE, alike, blocks, recorded


def test_the_recorded_session_is_what_the_commands_print():
    """Where it is not: `python -m tests.cli.recording`, and look at what changed."""
    page = PAGE.read_text("utf-8")

    assert len(blocks(page)) >= 4
    assert alike(recorded(page)) == alike(page)


def test_another_output_is_noticed():
    page = "```console\n$ crmcore init\nThe store is elsewhere.\n```\n"

    assert alike(recorded(page)) != alike(page)


def test_every_command_is_in_its_table():
    page = PAGE.read_text("utf-8")

    assert [name for name in COMMANDS if f"| `{name}` |" not in page] == []


def test_every_exit_code_is_in_its_table():
    page = PAGE.read_text("utf-8")
    codes = (
        remedies.DONE, remedies.FAILED, remedies.WRONG, remedies.IN_PART, remedies.INTERRUPTED,
    )  # fmt: skip

    assert [code for code in codes if f"| {code} |" not in page] == []
