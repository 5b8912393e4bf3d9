"""How a command ends: exit codes, one line on stderr with the remedy, nothing secret in it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from crmcore.cli.places import shown
from crmcore.cli.remedies import REMEDIES, ending_of
from crmcore.domain import errors
from crmcore.domain.errors import CrmError
from tests import servers
from tests.cli.terminals import Ran, Shell

SECRET = "hunter2"


def told(ran: Ran) -> str:
    """The one line on stderr; nothing was answered."""
    assert ran.out == ""
    assert ran.err.startswith("crmcore: ")
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    return ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["import", "customers", "no.csv", "--source", "s"], 2,
                     ["no.csv", "no such file", "Check the path"], id="no such file"),
        pytest.param(["import", "fruit", "purchases.csv", "--source", "s"], 2,
                     ["none of customers, purchases"], id="no such kind"),
        pytest.param(["import", "purchases", "purchases.csv"], 2, ["--source", "--help"],
                     id="a needed option is missing"),
        pytest.param(["customers", "--where", "reveneu > 1"], 2,
                     ["reveneu", "did you mean 'revenue'", "crmcore doctor"], id="unknown field"),
        pytest.param(["import", "purchases", "purchases.csv"], 2, ["--source is missing"],
                     id="the missing option is named"),
        pytest.param(["import", "purchases", ".", "--source", "s"], 2, ["is a folder"],
                     id="a folder is no file"),
        pytest.param(["import", "purchases", "till.csv", "--source", "s"], 2,
                     ["customer, at", "--column customer=HEADER --column at=HEADER"],
                     id="columns that cannot be guessed"),
        pytest.param(["import", "purchases", "open.csv", "--source", "s"], 2,
                     ["--day-first or --month-first"], id="day or month first"),
        pytest.param(["import", "purchases", "mark.csv", "--source", "s"], 2,
                     ["--decimal . or --decimal ,"], id="point or comma"),
        pytest.param(["score", "--as-of", "9000-01-01"], 2, ["--as-of", "after today"],
                     id="scores of the future"),
        pytest.param(["customers", "--where", "revenue > 1 or stage"], 2,
                     ["stage is followed by", "at the end"], id="unfinished or"),
        pytest.param(["customers", "--where", "stage = activ"], 2,
                     ["none of prospect, active", "did you mean active?"], id="no such stage"),
        pytest.param(["customers", "--url", "sqlite:///till.csv"], 1, ["a SQLite database"],
                     id="no database"),
        pytest.param(["init", "--url", "sqlite:///no/crm.db"], 2, ["no: there is no such folder"],
                     id="no folder for the store"),
        pytest.param(["report", "no/page.html"], 2, ["no: there is no such folder"],
                     id="no folder for the report"),
        pytest.param(["export", "orders", "no/orders.csv"], 2, ["no: there is no such folder"],
                     id="no folder for an export"),
        pytest.param(["customers", "--where", "revenue >"], 2, ["where", "--help"],
                     id="unreadable where"),
        pytest.param(["customers", "--limit", "0"], 2, ["limit"], id="wrong limit"),
        pytest.param(["customers", "--limit", "many"], 2, ["--limit", "int"], id="no number"),
        pytest.param(["customers", "--after", "x"], 2, ["cursor"], id="no cursor"),
        pytest.param(["customers", "--colour"], 2, ["--colour", "--help"], id="unknown option"),
        pytest.param(["custmers"], 2, ["custmers", "customers", "crmcore --help"],
                     id="unknown command"),
        pytest.param(["profile", "0195a1c2-3f00-7000-8000-000000000001"], 1,
                     ["no customers", "crmcore customers"], id="unknown customer"),
        pytest.param(["profile", "email:nobody@example.com"], 1, ["no customers"],
                     id="unknown identifier"),
        pytest.param(["profile", "badge:1"], 2, ["CUSTOMER.type"], id="unknown identifier type"),
        pytest.param(["profile", "C-1"], 2, ["TYPE:VALUE"], id="no identifier"),
        pytest.param(["advance", "--at", "soon"], 2, ["--at", "ISO"], id="no date"),
        pytest.param(["score", "--as-of", "1990-01-01"], 2, ["nobody had bought"],
                     id="nobody to score"),
        pytest.param(["init", "--currency", "USD"], 1, ["model.one_currency"],
                     id="refused by a rule"),
        pytest.param(["customers", "--tenant", "north"], 1, ["north", "crmcore init"],
                     id="tenant not migrated"),
        pytest.param(["customers", "--url", "sqlite:///no.db"], 1, ["no.db", "crmcore init"],
                     id="no such store"),
        pytest.param(["customers", "--url", "crm.db"], 2, ["no URL", "sqlite:///crm.db"],
                     id="no URL"),
        pytest.param(["customers", "--url", f"oracle://me:{SECRET}@host/x"], 2,
                     ["no backend serves 'oracle'"], id="no such backend"),
        pytest.param(["customers", "--url", f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/x"], 1,
                     ["Is the server up"], id="server not reachable"),
        pytest.param(["init", "--url", "memory://"], 2, ["nothing would be left"], id="memory"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_with_its_remedy(
    shop: Shell, arguments: list[str], code: int, words: list[str]
):
    (shop.folder / "till.csv").write_text("who,when it was,amount\nC-1,2026-01-01,1.00\n")
    (shop.folder / "open.csv").write_text("customer_id,date,amount\nC-1,01/02/2026,1.00\n")
    (shop.folder / "mark.csv").write_text("customer_id,date,amount\nC-1,2026-01-01,'1,234'\n"
                                          .replace("'", '"'))  # fmt: skip

    ran = shop(*arguments, code=code)

    line = told(ran)
    assert [word for word in words if word not in line] == []
    assert SECRET not in line
    assert not (shop.folder / "no.db").exists()


def test_programs_are_told_in_one_json_line(shop: Shell):
    ran = shop("customers", "--where", "reveneu > 1", "--json", code=2)

    error = json.loads(ran.err)
    assert ran.out == ""
    assert (error["error"], error["exit_code"]) == ("UnknownField", 2)
    assert set(error) == {"error", "message", "remedy", "exit_code"}


def test_a_traceback_is_shown_on_request_and_without_the_password(shell: Shell):
    url = f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/x"
    asked = shell("customers", "--debug", "--url", url, code=1)
    set_so = Shell(shell.folder, {"CRMCORE_DEBUG": "1", "CRMCORE_URL": url})("customers", code=1)

    for ran in (asked, set_so):
        assert "Traceback" in ran.err
        assert SECRET not in ran.err


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///crm.db", "sqlite:///crm.db"),
        ("sqlite:////a@b/crm.db?timeout=3", "sqlite:////a@b/crm.db"),
        (f"postgresql://me:{SECRET}@host:5/db?password={SECRET}", "postgresql://…@host:5/db"),
        (f"postgresql://me:{SECRET}@{SECRET}@host/db", "postgresql://…@host/db"),
        (f"postgresql://me:a?{SECRET}@host/db", "postgresql://…"),
        (f"mongodb://host/db?password={SECRET}@{SECRET}", "mongodb://…"),
        (f"me:{SECRET}@host", "…"),
    ],
)
def test_a_url_is_shown_without_what_signs_in(url: str, expected: str):
    assert shown(url) == expected


def families() -> list[type[CrmError]]:
    """Every error of crmcore's own."""
    classes = (getattr(errors, name) for name in errors.__all__)
    return [cls for cls in classes if isinstance(cls, type) and issubclass(cls, CrmError)]


def test_every_family_of_errors_has_a_remedy_of_its_own_or_its_parents():
    """`Conflict` is never raised itself: each of its kinds has its own remedy."""
    without = {cls.__name__ for cls in families()} - {cls.__name__ for cls in REMEDIES}

    assert without == {"Conflict"}
    assert all(code in (1, 2) and text.endswith(".") for code, text in REMEDIES.values())


def test_a_fault_of_our_own_is_no_traceback_and_quotes_nothing():
    ending = ending_of(ValueError("Ana Ruiz"))

    assert ending.code == 1
    assert "Ana" not in ending.line
    assert "--debug" in ending.line


def test_ambiguous_identifiers_list_whom_to_choose_from():
    ending = ending_of(errors.AmbiguousIdentifier("email", ("id-1", "id-2")))

    assert "id-1, id-2" in ending.line


class TestAsAProgram:
    def test_a_row_rejected_is_exit_code_three_and_help_is_zero(self, shop: Shell):
        assert shop.run("import", "purchases", "purchases.csv", "--source", "x").code == 3
        assert shop.run("--help").code == 0
        assert "0.1.0" in shop.run("--version").out

    def test_the_installed_command_is_the_same_program(self):
        import tomllib

        root = Path(__file__).parents[2]
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]

        assert project["scripts"] == {"crmcore": "crmcore.__main__:main"}

    def test_a_reader_that_has_enough_is_no_error(self, shop: Shell):
        """As `crmcore … | head -1` does."""
        for arguments in (["customers", "--json"], ["customers"], ["--help"]):
            process = shop.started(*arguments)
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == ""
            process.stderr.close()
            assert process.wait(60) == 0

    def test_an_import_that_is_interrupted_goes_on_where_it_was(self, shell: Shell):
        """What was finished is kept; the second run meets it again and adds the rest."""
        rows = 60_000
        lines = (f"C-{n % 5000},2026-01-{1 + n % 28:02},{1 + n % 50}.00,K-{n}" for n in range(rows))
        text = "customer_id,date,amount,key\n" + "\n".join(lines) + "\n"
        (shell.folder / "many.csv").write_text(text)
        shell("init")
        arguments = ["import", "purchases", "many.csv", "--source", "shop", "--column", "key=key"]

        process = shell.started(*arguments)
        wait_for_orders(shell.folder / "crm.db", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

        assert (process.returncode, out) == (130, "")
        assert err.startswith("crmcore: interrupted. ")
        assert err.count("\n") == 1
        kept = orders_in(shell.folder / "crm.db")
        assert 0 < kept < rows
        again = shell(*arguments, "--json").json
        assert (again["unchanged"], again["added"]) == (kept, rows - kept)


def orders_in(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        found: int = connection.execute("SELECT count(*) FROM crm_orders").fetchone()[0]
    connection.close()
    return found


def wait_for_orders(path: Path, process: subprocess.Popen[str]) -> None:
    """Until the first batch is kept."""
    deadline = time.monotonic() + 60
    while orders_in(path) == 0:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_port_nobody_listens_on_is_one_line_for_mongo_too(shell: Shell):
    url = f"mongodb://127.0.0.1:{servers.free_port()}/crm?serverSelectionTimeoutMS=200"

    assert "Is the server up" in told(shell("customers", "--url", url, code=1))
