"""Records the session of the guide: `python -m tests.cli.recording` runs its commands anew.

Each `console` block of the page holds commands behind `$ ` and what they print. All of them run
in one folder, from top to bottom, in a pipe. Beside `crmcore` there are `cat FILE`, and
`echo $?` for the exit code before it.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import crmcore
from crmcore import (
    Customer,
    EarningRule,
    Expiry,
    Model,
    Money,
    Order,
    Programme,
    Rules,
    Tier,
)
from crmcore.analytics import BetaGeoNBDProcess
from tests.cli.terminals import Shell

__all__ = ["PAGE", "alike", "blocks", "recorded"]

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "command_line.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)

TILL = """who,day,paid,ticket
C-1,2026-01-05,20.00,T-1
C-1,2026-02-09,12.50,T-2
C-2,2026-02-30,18.00,T-3
C-2,2026-02-10,"18,00",T-4
C-3,2026-02-11,7.25,T-5
"""


def blocks(page: str) -> list[str]:
    """The sessions of a page."""
    return BLOCK.findall(page)


def recorded(page: str) -> str:
    """The page with what its commands print now."""
    with tempfile.TemporaryDirectory() as name:
        shell = Shell(Path(name), {})
        (shell.folder / "till.csv").write_text(TILL)
        (shell.folder / "drawn.csv").write_text("\n".join(drawn_purchases()) + "\n")
        make_club(shell.folder / "club.db")
        session = Session(shell)
        return BLOCK.sub(lambda found: session.run(found[0]), page)


class Session:
    """Runs blocks one after the other."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.code = 0

    def run(self, block: str) -> str:
        """The block with its commands' output."""
        parts = []
        for line in block.splitlines():
            if line.startswith("$ "):
                printed = "\n".join(text.rstrip() for text in self.printed(line[2:]).splitlines())
                parts.append(f"{line}\n{printed}".rstrip("\n"))
        return "\n".join(parts) + "\n"

    def printed(self, line: str) -> str:
        """What one command prints."""
        match shlex.split(line):
            case ["crmcore", *arguments]:
                ran = self.shell(*arguments, code=None)
                self.code = ran.code
                return ran.out + ran.err
            case ["cat", name]:
                return (self.shell.folder / name).read_text()
            case ["echo", "$?"]:
                return f"{self.code}\n"
        raise ValueError(f"the session cannot run {line!r}")


def drawn_purchases() -> Iterator[str]:
    """The four hundred customers that the tutorial draws, with baskets of all sizes."""
    drawn = BetaGeoNBDProcess(r=0.5, alpha=4, a=0.8, b=2.5).simulate(n_customers=400, T=50, seed=1)
    day = date(2025, 1, 1)
    yield "customer_id,date,amount"
    for number in range(400):
        yield f"S-{number},{day.isoformat()},25.00"
    for who, week in zip(drawn.customer.tolist(), drawn.time.tolist(), strict=True):
        paid = 8 + 3 * (who % 9) + int(week * 7) % 23
        yield f"S-{who},{(day + timedelta(weeks=week)).isoformat()},{paid}.00"


CLUB = Programme(
    "club",
    Rules(
        tiers=[Tier("blue"), Tier("silver", 500), Tier("gold", 1500, purchases=20)],
        earning=[EarningRule("euro", 1)],
        expiry=Expiry("after", 12),
    ),
    zone="Europe/Madrid",
)


def make_club(file: Path) -> None:
    """The store of a program that keeps a loyalty programme of five members."""
    model = Model(programmes=[CLUB], zone="Europe/Madrid")
    backend = crmcore.connect(f"sqlite:///{file}", model=model)
    backend.migrate()
    joined = datetime(2024, 1, 7, 11, tzinfo=UTC)
    bought: dict[str, dict[int, int]] = {  # the months after joining
        "Ana": {14: 420, 18: 310, 20: 700}, "Ben": {15: 450}, "Carla": {3: 90, 19: 1600},
        "Dan": {4: 30}, "Eva": {6: 520, 16: 460},
    }  # fmt: skip
    with backend.unit_of_work(actor="till") as uow:
        for number, (name, months) in enumerate(bought.items(), 1):
            who = uow.customers.add(Customer.person(name, at=joined))
            uow.memberships.enrol(who.id, "club", at=joined, number=f"C-000{number}")
            for month, amount in months.items():
                at = joined.replace(year=2024 + month // 12, month=month % 12 + 1)
                total = Money(amount, "EUR")
                order = uow.orders.add(Order(customer_id=who.id, at=at, total=total))
                uow.memberships.earn(order)
        ana = uow.memberships.find_by_number("C-0001", "club")
        assert ana is not None
        uow.memberships.redeem(ana, 300, at=joined.replace(year=2025, month=9))
    backend.close()


MACHINES = re.compile(r"^ok +(crmcore|extras|clock|journal) .*\n( {3,}.*\n)*", re.MULTILINE)
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
DIGITS = re.compile(r"\b\d+\.\d{4}\b")
CURSOR = re.compile(r"--after \S+")


def alike(page: str) -> str:
    """The page without what differs from run to run and from machine to machine."""
    page = CURSOR.sub("--after CURSOR", ID.sub("ID", MACHINES.sub("", page)))
    return DIGITS.sub(lambda found: f"{float(found[0]):.2f}", page)


if __name__ == "__main__":
    PAGE.write_text(recorded(PAGE.read_text("utf-8")), "utf-8")
