"""What each command answers: to people, and to programs with `--json`."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import crmcore
from crmcore import AttributeType, Customer, Interaction, Model, Money, Order
from crmcore.cli.doctor import PARTS
from tests.cli.terminals import Shell


def with_ana(shell: Shell, *, model: Model | None = None, name: str = "Ana Ruiz") -> Customer:
    """A store with one customer who bought and called."""
    at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    backend = crmcore.connect(f"sqlite:///{shell.folder / 'crm.db'}", model=model)
    backend.migrate()
    with backend.unit_of_work(source="shop") as uow:
        ana = uow.customers.add(
            Customer.person(name, emails=["ana@example.com"], phones=["+34 600 123 456"], at=at)
        )
        total = Money("120.00", "EUR")
        uow.orders.add(Order(customer_id=ana.id, at=at, total=total, source_key="A-1"))
        uow.interactions.add(
            Interaction(customer_id=ana.id, at=at, channel="phone", subject="a secret")
        )
    backend.close()
    return ana


class TestInit:
    def test_it_makes_a_store_once_and_says_what_it_made(self, shell: Shell):
        first = shell("init", "--currency", "USD", "--zone", "Europe/Madrid", "--json").json
        again = shell("init", "--json").json

        assert first["done"] == "made"
        assert (first["url"], first["tenant"]) == ("sqlite:///crm.db", "main")
        assert again == {**first, "done": "up to date"}
        assert (again["currency"], again["zone"]) == ("USD", "Europe/Madrid")
        assert "revenue" in again["measures"]

    def test_it_takes_the_hosts_model_and_keeps_to_it(self, shell: Shell):
        (shell.folder / "hosts_model.py").write_text(
            "import crmcore\n"
            "MODEL = crmcore.Model(attributes=[crmcore.AttributeType('seat', 'text')],"
            " currency='CHF')\n"
        )
        shell("init", "--model", "hosts_model:MODEL")

        assert shell("init", "--json").json["attributes"] == ["seat"]
        assert "1 attribute" in shell("init").out
        assert shell("customers", "--where", "seat is absent", "--count").out == "0\n"

    def test_another_zone_changes_the_model(self, shell: Shell):
        shell("init")

        assert shell("init", "--zone", "Asia/Tokyo", "--json").json["done"] == "changed"


class TestImport:
    def test_it_counts_what_was_new_known_and_rejected(self, shop: Shell):
        again = shop("import", "purchases", "purchases.csv", "--source", "shop", code=3)
        data = shop("import", "purchases", "purchases.csv", "--source", "shop", "--json", code=3)

        assert "5 rows of purchases: 4 known already, 1 rejected." in again.out
        assert "3  date  " in re.sub(" +", " ", again.out).replace(" ", "  ")
        assert data.json["unchanged"] == 4
        assert data.json["rejects"] == [
            {"row": 3, "column": "date", "reason": "is no date or instant in ISO 8601 form"}
        ]

    def test_the_reasons_that_are_not_shown_are_counted(self, shell: Shell):
        rows = "".join(f"C-{n},2026-02-30,1.00\n" for n in range(30))
        (shell.folder / "bad.csv").write_text(f"customer_id,date,amount\n{rows}")
        shell("init")

        told = shell("import", "purchases", "bad.csv", "--source", "s", code=3).out

        assert "10 of 30 reasons shown." in told
        assert "crmcore advance" not in told

    def test_rejected_rows_are_mended_in_their_file_and_imported(self, shop: Shell):
        shop(
            "import", "purchases", "purchases.csv", "--source", "shop", "--rejects", "bad.csv",
            code=3,
        )  # fmt: skip
        bad = shop.folder / "bad.csv"
        bad.write_text(bad.read_text().replace("2026-02-30", "2026-02-28"))

        mended = shop("import", "purchases", "bad.csv", "--source", "shop", "--json").json

        assert (mended["added"], mended["rejected"]) == (1, 0)

    def test_headers_of_other_names_are_mapped(self, shell: Shell):
        (shell.folder / "till.csv").write_text("who,day,paid,ticket\nC-1,20260105,3.50,T-1\n")
        shell("init")
        mapped = ["customer=who", "at=day", "amount=paid", "key=ticket"]
        options = [word for pair in mapped for word in ("--column", pair)]

        done = shell("import", "purchases", "till.csv", "--source", "shop", "--json", *options)

        assert done.json["added"] == 1
        orders = shell("profile", "external:C-1", "--source", "shop", "--json").json["orders"]
        assert [order["source_key"] for order in orders] == ["T-1"]

    def test_customers_come_in_and_quiet_says_nothing(self, shell: Shell):
        (shell.folder / "people.csv").write_text("customer_id,name,language\nC-1,Ana Ruiz,es\n")
        shell("init")

        done = shell("import", "customers", "people.csv", "--source", "shop", "--quiet")

        assert (done.out, done.err) == ("", "")
        assert shell("customers", "--where", "language = es", "--count").out == "1\n"


class TestCustomers:
    def test_they_are_filtered_ordered_and_paged(self, shop: Shell):
        ask = ["customers", "--order-by", "revenue", "--descending", "--limit", "2", "--json"]
        first = shop(*ask).json
        second = shop(*ask, "--after", first["next"]).json

        amounts = [c["revenue"]["amount"] for c in (*first["customers"], *second["customers"])]
        assert amounts == ["132.50", "18.00", "7.25"]
        assert second["next"] is None
        assert shop("customers", "--where", "revenue > 18 and stage = prospect", "--count").out == (
            "1\n"
        )

    def test_personal_values_are_shown_only_when_asked_for(self, shell: Shell):
        ana = with_ana(shell)
        plain = shell("customers", "--json")
        asked = shell("customers", "--json", "--personal").json["customers"][0]

        assert str(ana.id) in plain.out
        for personal in ("Ana", "ana@", "+34600123456"):
            assert personal not in plain.out + shell("customers").out
        assert asked["name"] == "Ana Ruiz"
        assert "Ana Ruiz" in shell("customers", "--personal").out
        refused = shell("customers", "--field", "email", code=2)
        assert "needs --personal" in refused.err

    def test_the_shops_own_ids_are_shown_with_personal_values(self, shop: Shell):
        rows = shop("customers", "--personal", "--json").json["customers"]

        assert sorted(row["external"] for row in rows) == [["shop:C-1"], ["shop:C-2"], ["shop:C-3"]]
        assert "shop:C-1" in shop("customers", "--personal").out
        assert "C-1" not in shop("customers", "--json").out + shop("customers").out
        ask = ("profile", "external:C-1", "--source", "shop")
        assert "external: C-1 of shop" in shop(*ask, "--personal").out
        assert shop(*ask, "--personal", "--json").json["external"] == [
            {"value": "C-1", "source": "shop"}
        ]
        assert "external" not in shop(*ask, "--json").json

    def test_the_field_that_orders_them_is_shown(self, shop: Shell):
        heads = shop("customers", "--order-by", "order_count").out.partition("─")[0]

        assert "order_" in heads
        assert "order_" not in shop("customers").out.partition("─")[0]

    def test_in_a_pipe_no_line_ends_in_blanks(self, shop: Shell):
        for command in ("customers", "segments", "doctor"):
            lines = shop(command).out.splitlines()
            assert [line for line in lines if line != line.rstrip()] == []

    def test_chosen_fields_alone_are_shown(self, shop: Shell):
        rows = shop("customers", "--field", "stage", "--field", "revenue", "--json").json

        assert {tuple(row) for row in rows["customers"]} == {("id", "stage", "revenue")}


class TestProfile:
    def test_it_says_at_once_what_somebody_is(self, shell: Shell):
        ana = with_ana(shell)
        seen = []
        for at in (None, "2026-04-01", "2026-12-01"):
            if at is not None:
                shell("advance", "--at", at)
            seen.append(shell("profile", str(ana.id)).out.split(":")[0])

        assert seen == ["PROSPECT", "CUSTOMER", "FORMER CUSTOMER"]

    def test_the_single_view_by_any_identifier(self, shell: Shell):
        ana = with_ana(shell)
        by_mail = shell("profile", "email:ANA@example.com", "--json").json
        by_id = shell("profile", str(ana.id), "--json").json

        assert by_mail == by_id
        assert by_id["profile"]["revenue"] == {"amount": "120.00", "currency": "EUR"}
        assert by_id["orders"][0]["status"] == "placed"
        assert by_id["interactions"][0]["channel"] == "phone"
        assert "name" not in by_id["profile"]
        assert "subject" not in by_id["interactions"][0]
        asked = shell("profile", str(ana.id), "--personal", "--json").json
        assert asked["profile"]["name"] == "Ana Ruiz"
        assert asked["interactions"][0]["subject"] == "a secret"

    def test_nothing_that_is_stored_steers_the_terminal(self, shell: Shell):
        with_ana(shell, name="Ana\x1b[2J\x07 \u202eRuiz")

        shown = shell("profile", "email:ana@example.com", "--personal").out

        assert "Ana\\x1b[2J\\x07 \\u202eRuiz" in shown
        assert "\x1b" not in shown

    def test_a_personal_attribute_stays_hidden(self, shell: Shell):
        model = Model(attributes=[AttributeType("diet", "text", personal=True)])
        ana = with_ana(shell, model=model)

        assert "diet" not in shell("profile", str(ana.id), "--json").json["profile"]
        assert "diet" in shell("profile", str(ana.id), "--json", "--personal").json["profile"]


class TestSegments:
    def test_every_segment_is_counted_by_the_condition_beside_it(self, shop: Shell):
        found = shop("segments", "--json").json

        assert found["customers"] == 3
        by_group: dict[str, int] = {}
        for row in found["segments"]:
            by_group[row["group"]] = by_group.get(row["group"], 0) + row["customers"]
        assert by_group == {"stage": 3, "kind": 3, "purchases": 3}
        twice = next(row for row in found["segments"] if row["segment"] == "2 to 4 purchases")
        counted = shop("customers", "--where", twice["where"], "--count", "--json").json
        assert counted == {"count": twice["customers"]} == {"count": 1}

    def test_where_narrows_all_of_them(self, shop: Shell):
        found = shop("segments", "--where", "revenue < 100", "--json").json

        assert found["customers"] == 2
        assert sum(s["customers"] for s in found["segments"] if s["group"] == "stage") == 2


class TestSegment:
    """One segment at a time: given the three customers of the till."""

    ASLEEP = ("segments", "define", "asleep", "--owner", "ines", "--where")

    def test_a_segment_is_defined_listed_and_evaluated(self, shop: Shell):
        made = shop(*self.ASLEEP, "last_purchase_at < 10 days ago and language is absent", "--json")
        assert made.json == {"segment": "asleep", "version": 1, "customers": 3}

        (listed,) = shop("segments", "--json").json["named"]
        assert listed == {
            "segment": "asleep", "kind": "dynamic", "owner": "ines", "customers": 3,
            "in_words": "the last purchase was more than 10 days ago, and language is not known",
        }  # fmt: skip
        assert "more than 10 days ago" in shop("segments").out
        assert shop("segments", "evaluate", "asleep").out == "3\n"
        found = shop("segments", "evaluate", "asleep", "--ids", "--json").json
        assert found["count"] == len(set(found["ids"])) == 3
        early = shop("segments", "evaluate", "asleep", "--at", "2026-01-01")
        assert early.out == "0\n"
        some = shop("segments", "--where", "revenue < 100", "--json").json
        assert [one["customers"] for one in some["named"]] == [2]

    def test_another_definition_is_another_version_and_stays_in_the_history(self, shop: Shell):
        shop(*self.ASLEEP, "revenue < 100")
        shop("segments", "define", "asleep", "--where", "revenue < 10", "--description", "Little.")
        again = shop("segments", "define", "asleep", "--where", "revenue < 10")

        assert again.out == "asleep at version 2: 1 customer.\n"
        shown = shop("segments", "show", "asleep", "--json").json
        assert (shown["owner"], shown["description"], shown["version"]) == ("ines", "Little.", 2)
        assert shown["customers"] == 1
        assert [entry["operation"] for entry in shown["history"]] == ["added", "saved"]
        assert set(shown["history"][1]["changed"]) == {"predicate", "description"}

    def test_what_is_shown_as_json_is_read_from_a_file(self, shop: Shell):
        shop(*self.ASLEEP, "revenue < 100 and not stage = active")
        shown = shop("segments", "show", "asleep", "--json").json
        (shop.folder / "asleep.json").write_text(json.dumps(shown["definition"]))

        assert shop("customers", "--where", "@asleep.json", "--count").out == "2\n"
        assert shop("segments", "evaluate", "--where", "@asleep.json").out == "2\n"

    def test_why_somebody_is_in_a_segment_is_told_term_by_term(self, shop: Shell):
        shop(*self.ASLEEP, "revenue < 100")
        shop("segments", "define", "both", "--where", "in segment asleep and stage = prospect")
        told = shop("segments", "explain", "both", "external:C-1", "--source", "shop").out
        assert told.splitlines() == [
            "no   is in segment both",
            "  no   all of these",
            "    no   is in segment asleep",
            "      no   revenue is less than 100.00 EUR: 132.50 EUR",
            "    yes  stage is prospect: prospect",
        ]
        data = shop("segments", "explain", "asleep", "external:C-2", "--source", "shop", "--json")
        assert data.json["holds"] is True
        assert data.json["parts"][0]["found"] == ["18.00 EUR"]

    def test_personal_values_are_shown_only_when_asked_for(self, shell: Shell):
        ana = with_ana(shell)
        shell("segments", "define", "anas", "--where", "name = 'Ana Ruiz' and stage = prospect")
        for asked in (
            ["segments"],
            ["segments", "show", "anas"],
            ["segments", "explain", "anas", str(ana.id)],
        ):
            for options in ([], ["--json"]):
                assert "Ruiz" not in shell(*asked, *options).out
                assert "Ruiz" in shell(*asked, *options, "--personal").out

    def test_a_segment_of_one_that_is_not_there_yet_is_kept_and_not_counted(self, shop: Shell):
        made = shop("segments", "define", "awake", "--where", "not in segment asleep")
        assert made.out == "awake defined: cannot be asked yet.\n"
        assert "cannot be asked" in shop("segments").out
        assert "no segments with name asleep" in shop("segments", "evaluate", "awake", code=1).err
        shop(*self.ASLEEP, "revenue < 100")
        assert shop("segments", "evaluate", "awake").out == "1\n"

    def test_a_word_that_no_action_has_is_told_with_those_there_are(self, shop: Shell):
        told = shop("segments", "delete", "ana@example.com", code=2).err
        assert "show, evaluate, explain, define, refresh" in told
        assert "ana" not in told
        assert "customers does not take the last 1" in shop("customers", "ana", code=2).err

    def test_a_kind_of_fact_that_there_is_not_is_no_field(self, shop: Shell):
        told = shop("customers", "--where", "count of purchase > 1", code=2).err
        assert "did you mean purchases?" in told
        assert "field" not in told

    def test_who_came_and_who_went_is_recorded_once(self, shop: Shell):
        assert "no dynamic segment" in shop("segments", "refresh").out
        shop(*self.ASLEEP, "revenue < 100")
        asked = ("segments", "refresh", "--at", "2026-06-01", "--json")
        assert shop(*asked).json == {"asleep": {"entered": 2, "left": 0}}
        assert shop(*asked).json == {"asleep": {"entered": 0, "left": 0}}
        assert shop("segments", "refresh", "asleep").out == "asleep: 0 entered, 0 left.\n"

    def test_what_cannot_be_done_is_told_in_one_line(self, shop: Shell):
        for arguments, code, words in (
            (["show", "nobody"], 1, "`crmcore segments` lists"),
            (["evaluate"], 2, "NAME: is given, or else --where"),
            (["define", "Big Spenders", "--where", "revenue > 1"], 2, "lower-case letters"),
            (["define", "loop", "--where", "in segment loop"], 2, "is defined by itself"),
            (["define", "x", "--where", "revenu > 1"], 2, "did you mean"),
        ):
            assert words in shop("segments", *arguments, code=code).err


def test_advance_moves_who_is_due_and_nobody_twice(shop: Shell):
    first = shop("advance", "--at", "2026-03-01", "--json").json
    again = shop("advance", "--at", "2026-03-01", "--json").json

    assert first["moves"] == {"acquire": 3}
    assert first["at"] == "2026-02-28T23:00:00+00:00"
    assert again["total"] == 0


def test_score_appends_scores_once(shell: Shell):
    rows = ["customer_id,date,amount"]
    for who in range(40):
        days = range(1, 28, 2 + who % 9)
        rows += [f"C-{who},2025-0{1 + who % 3}-{day:02},{10 + who}.00" for day in days]
    (shell.folder / "many.csv").write_text("\n".join(rows) + "\n")
    shell("init")
    shell("import", "purchases", "many.csv", "--source", "shop")

    first = shell("score", "--as-of", "2025-04-30", "--horizon", "26", "--json").json
    again = shell("score", "--as-of", "2025-04-30", "--horizon", "26").out

    assert (first["customers"], first["added"]) == (40, 120)
    assert set(first["models"]["BG/NBD"]["params"]) == {"r", "alpha", "a", "b"}
    assert "40 customers scored as of 2025-04-30, 0 new scores." in again


class TestDoctor:
    def test_it_looks_for_what_an_extra_brings_and_nothing_else(self):
        root = Path(__file__).parents[2]
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
        declared = project["optional-dependencies"]

        def brought(extra: str) -> set[str]:
            needed: set[str] = set()
            for text in declared[extra]:
                name = re.split(r"[\[<>= ]", text)[0].lower()
                others = re.findall(r"[a-z]+", text.partition("[")[2].partition("]")[0])
                needed |= set().union(*map(brought, others)) if name == "crmcore" else {name}
            return needed

        assert {extra: set(parts) - brought(extra) for extra, parts in PARTS.items()} == {
            extra: set() for extra in PARTS
        }

    def test_a_healthy_store_is_ok_on_every_line(self, shop: Shell):
        told = shop("doctor", "--json").json

        assert told["ok"]
        assert {"store", "migrated", "model", "journal", "clock"} <= {
            finding["name"] for finding in told["findings"]
        }
        lines = [line for line in shop("doctor").out.splitlines() if line]
        assert all(line.startswith("ok ") for line in lines)

    def test_a_missing_store_fails_with_its_remedy_and_is_not_made(self, shell: Shell):
        ran = shell("doctor", code=1)

        assert re.search(r"fail +store +there is no file .* Run `crmcore init`", ran.out)
        assert not (shell.folder / "crm.db").exists()

    def test_a_store_of_another_tenant_is_not_migrated(self, shop: Shell):
        found = shop("doctor", "--tenant", "north", "--json", code=1).json["findings"]

        assert (found[-1]["name"], found[-1]["state"]) == ("migrated", "fail")


def test_each_tenant_has_its_own_customers(shop: Shell):
    shop("init", "--tenant", "north", "--currency", "SEK")

    assert shop("customers", "--tenant", "north", "--count").out == "0\n"
    assert shop("--tenant", "main", "customers", "--count").out == "3\n"


def test_the_url_may_come_from_the_environment(shop: Shell):
    elsewhere = shop.folder / "elsewhere"
    elsewhere.mkdir()
    other = Shell(elsewhere, {"CRMCORE_URL": f"sqlite:///{shop.folder / 'crm.db'}"})

    assert other("customers", "--count").out == "3\n"
    assert list(Path(elsewhere).iterdir()) == []
