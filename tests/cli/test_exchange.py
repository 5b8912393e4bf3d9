"""Files in and out: what is exported is imported again, and the report is written."""

from __future__ import annotations

import json

import pytest

from tests.cli.terminals import Shell

LINES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850,Spain
536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,17850,Spain
C536379,71053,LANTERN,-1,2010-12-02 09:41:00,3.39,17850,Spain
536544,21773,BOX,1,2010-12-03 14:32:00,2.51,,Spain
"""


def test_an_option_that_a_kind_has_not_is_wrong_usage(shop: Shell):
    ran = shop("import", "customers", "purchases.csv", "--source", "x", "--currency", "EUR", code=2)

    assert "--currency" in ran.err
    assert "does not go with" in ran.err


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_store_is_moved_by_its_files(shop: Shell, suffix: str):
    told = shop("export", "customers", f"customers.{suffix}", "--personal", "--json").json
    shop("export", "orders", f"orders.{suffix}", "--since", "2026-01-01", "--personal")
    shop("init", "--tenant", "copy", "--zone", "Europe/Madrid")
    for kind in ("customers", "orders"):
        done = shop(
            "import", kind, f"{kind}.{suffix}", "--source", "move", "--restore", "--tenant",
            "copy", "--json",
        )  # fmt: skip
        assert (done.json["added"], done.json["rejected"]) == (
            told["rows"] + (kind[0] == "o"),
            0,
        )

    before, after = (
        shop("customers", "--tenant", tenant, "--json").json for tenant in ("main", "copy")
    )
    assert before == after


def test_a_file_of_no_known_form_is_wrong_usage(shop: Shell):
    assert shop("export", "orders", "orders.xls", code=2).out == ""


def test_a_messy_shop_export_comes_in_with_each_decision_told(shell: Shell):
    (shell.folder / "lines.csv").write_text(LINES)
    shell("init", "--currency", "GBP")
    ask = ["import", "order-lines", "lines.csv", "--source", "erp"]

    rehearsed = shell(*ask, "--dry-run", "--json").json
    assert shell("customers", "--count").out == "0\n"
    done = shell(*ask, "--json").json

    assert {**rehearsed, "dry_run": False} == done
    assert (done["rows"], done["rejected"], done["set_aside"]) == (4, 0, 1)
    assert sum(made["count"] for made in done["decisions"]) == 4
    assert json.dumps(done["decisions"]).count('"currency": "GBP"') >= 3
    assert "Nothing was kept. It would be 4 rows of order-lines" in shell(*ask, "--dry-run").out
    assert "decision" in shell(*ask).out


def test_columns_are_guessed_and_told(shell: Shell):
    text = "Código Cliente;Fecha;Importe\nC-1;31/01/2026;10,50\n"
    (shell.folder / "ventas.csv").write_text(text, "cp1252")
    shell("init")

    done = shell("import", "purchases", "ventas.csv", "--source", "tienda")

    assert "1 row of purchases: 1 new." in done.out
    assert "Fecha" in done.out


def test_amounts_in_another_currency_take_their_rates_from_a_file(shell: Shell):
    (shell.folder / "sales.csv").write_text(
        "customer_id,date,amount,currency\nC-1,2026-01-05,10.00,USD\n"
    )
    (shell.folder / "rates.csv").write_text("date,currency,rate\n2026-01-05,USD,0.9\n")
    shell("init")
    ask = ["import", "purchases", "sales.csv", "--source", "s", "--column", "currency=currency"]

    shell(*ask, code=3)
    assert shell(*ask, "--rates", "rates.csv", "--json").json["added"] == 1
    row = shell("customers", "--json").json["customers"][0]
    assert row["revenue"] == {"amount": "9.00", "currency": "EUR"}


def test_the_report_is_one_file(shop: Shell):
    told = shop("report", "out.html", "--at", "2026-03-01", "--title", "March", "--json").json

    page = (shop.folder / told["path"]).read_text("utf-8")
    assert "<title>March" in page
