"""Colours and progress on a terminal, and neither in a pipe."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from crmcore.cli.app import ACTION_MODULES, ACTIONS, COMMANDS
from tests.cli.terminals import ESCAPE, Shell

BAR = "━"
COLOUR = "\x1b[1;31m"


def a_long_file(shell: Shell) -> None:
    rows = (f"C-{n % 50},2026-01-{1 + n % 28:02},{1 + n % 50}.00" for n in range(3_000))
    text = "customer_id,date,amount\n" + "\n".join(rows) + "\n"
    (shell.folder / "long.csv").write_text(text)


def test_an_import_shows_how_far_it_is_on_a_terminal(shell: Shell):
    a_long_file(shell)
    shell("init")

    seen = shell.on_terminal("import", "purchases", "long.csv", "--source", "shop")

    assert seen.code == 0
    assert BAR in seen.out
    assert "Importing purchases" in seen.out
    assert "3000/3000" in seen.out
    assert seen.text.rstrip().endswith("bring the stages up to date.")


def test_in_a_pipe_there_is_neither_progress_nor_colour(shell: Shell):
    a_long_file(shell)
    shell("init")

    done = shell.run("import", "purchases", "long.csv", "--source", "shop")

    assert done.code == 0
    assert done.err == ""
    assert ESCAPE not in done.out
    assert done.out == (
        "the encoding is utf-8: all of it is\n"
        "cells are divided by a comma: it makes 3 cells of the header line\n"
        "3,000 rows of purchases: 3,000 new.\n50 new customers.\n"
        "Run `crmcore advance` to bring the stages up to date.\n"
    )


def test_even_forced_colours_stay_out_of_a_pipe(shop: Shell):
    forced = Shell(shop.folder, {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"})

    assert ESCAPE not in forced.run("segments").out
    assert ESCAPE not in forced.run("bogus").err


@pytest.mark.parametrize(
    ("arguments", "variables", "coloured"),
    [
        pytest.param(["bogus"], {}, True, id="as it is"),
        pytest.param(["bogus", "--no-color"], {}, False, id="option"),
        pytest.param(["bogus"], {"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param(["bogus"], {"NO_COLOR": ""}, True, id="NO_COLOR is empty"),
        pytest.param(["bogus"], {"TERM": "dumb"}, False, id="a terminal that cannot"),
    ],
)
def test_colours_are_shown_where_they_are_wanted(
    shell: Shell, arguments: list[str], variables: dict[str, str], coloured: bool
):
    seen = Shell(shell.folder, variables).on_terminal(*arguments)

    assert seen.code == 2
    assert (COLOUR in seen.out) is coloured
    assert "crmcore: Unknown command" in seen.text


def test_without_colours_not_even_help_has_escape_sequences(shell: Shell):
    assert ESCAPE not in shell.on_terminal("--help", "--no-color").out


def test_ctrl_c_is_exit_code_130_and_one_line(shell: Shell):
    a_long_file(shell)
    shell("init")
    text = (shell.folder / "long.csv").read_text()
    (shell.folder / "long.csv").write_text(text + text.partition("\n")[2] * 40)

    seen = shell.on_terminal(
        "import", "purchases", "long.csv", "--source", "shop",
        interrupt_when=lambda shown: "Importing" in shown,
    )  # fmt: skip

    assert seen.code == 130
    assert "Traceback" not in seen.text
    assert "crmcore: interrupted." in seen.text


@pytest.mark.parametrize("command", ["customers", "segments", "doctor"])
def test_an_answer_fits_80_columns(shop: Shell, command: str):
    shop("advance", "--at", "2026-03-01")

    lines = shop.on_terminal(command).text.splitlines()

    assert max(map(len, lines)) <= 80
    # An id is never broken, or nobody could copy it.
    if command == "customers":
        ids = [word for line in lines for word in line.split() if len(word) == 36]
        assert len(ids) == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--order-by", "probability_alive"],
        ["--personal"],
        [
            f"--field={name}"
            for name in ("first_purchase_at", "known_since", "revenue", "paid", "returned")
        ],
    ],
)
def test_dates_and_numbers_are_never_broken(shop: Shell, options: list[str]):
    lines = shop.on_terminal("customers", *options).text.splitlines()

    assert max(map(len, lines)) <= 80
    words = [word for line in lines for word in line.split()]
    assert "132.50" in words
    assert len([word for word in words if len(word) == 36]) == 3
    if options[0] != "--order-by":
        assert words.count("2026-02-10") + words.count("shop:C-2") >= 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_and_fits_80_columns(name: str):
    path, summary = COMMANDS[name]
    module, _, function = path.partition(":")
    command = getattr(importlib.import_module(f"crmcore.cli.{module}"), function)
    doc = inspect.getdoc(command) or ""
    prose = doc.partition("Parameters\n---")[0]

    assert doc.splitlines()[0] == summary
    assert f"\n    crmcore {name}" in prose
    assert [line for line in prose.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("name", "action"), [(name, action) for name in ACTIONS for action in ACTIONS[name]]
)
def test_the_help_of_what_follows_a_command_has_examples_and_fits_80_columns(
    name: str, action: str
):
    module = importlib.import_module(f"crmcore.cli.{ACTION_MODULES[name]}")
    doc = inspect.getdoc(getattr(module, action)) or ""
    prose = doc.partition("Parameters\n---")[0]

    assert doc.splitlines()[0] == ACTIONS[name][action]
    assert f"\n    crmcore {name} {action}" in prose
    assert [line for line in prose.splitlines() if len(line) > 90] == []


def test_help_lists_every_command_and_loads_none(shell: Shell):
    """Nothing that takes long to import is needed to say what there is."""
    seen = shell.run("--help")
    asked = "import sys; from crmcore.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", asked], env=shell.environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    loaded = set(done.stdout.splitlines()[-1].split())

    assert [name for name in COMMANDS if f"│ {name} " not in seen.out] == []
    assert max(map(len, seen.out.splitlines())) <= 80
    assert loaded.isdisjoint(
        {"sqlalchemy", "numpy", "asyncio", "crmcore.services", "crmcore.cli.init"}
    )


def test_help_of_a_command_has_its_examples_and_the_shared_options(shell: Shell):
    told = shell("customers", "--help").out

    for words in ('--where "revenue > 100', "--order-by", "--url", "--json", "For every command"):
        assert words in told
