"""The script of the batch-job guide, run as a program: alone, killed, and resumed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import crmcore
from tests.repository.sources import ROOT

PAGE = ROOT / "docs" / "guides" / "batch_job.md"
DAY = "2026-08-01"

pytest.importorskip("fcntl", reason="the script of the guide locks by fcntl")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    fence = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    first = fence.findall(PAGE.read_text("utf-8"))[0]
    path = tmp_path / "nightly.py"
    path.write_text(first, "utf-8")
    return path


@pytest.fixture
def filled(tmp_path: Path) -> Callable[[str], Path]:
    def fill(name: str, customers: int = 1500) -> Path:
        folder = tmp_path / name
        (folder / "inbox").mkdir(parents=True)
        for till in range(3):
            rows = [
                f"card-{n},2026-{1 + k:02}-{1 + n % 9:02},{10 + n % 50}.00,r-{till}-{n}-{k}"
                for n in range(customers)
                for k in range(1 + n % 4)
            ]
            text = "card,day,paid,receipt\n" + "\n".join(rows)
            (folder / "inbox" / f"till-{till}.csv").write_text(text)
        return folder

    return fill


def started(script: Path, folder: Path, day: str = DAY) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", str(script), f"sqlite:///{folder}/crm.db", str(folder), day]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )


def contents(folder: Path) -> tuple[list[object], int]:
    """What matters of the data, by the customers' cards: ids and order of arrival differ."""
    backend = crmcore.connect(f"sqlite:///{folder}/crm.db")
    with backend.reading() as uow:
        cards = {c.id: c.identifiers[0].value for c in uow.customers.stream()}
        page = uow.profiles.where().page(limit=10_000)
        told = ("stage", "order_count", "revenue", "last_purchase_at")
        found = sorted(
            (cards[p.customer_id], f"{p['probability_alive']:.6f}", *(str(p[n]) for n in told))
            for p in page
        )
    backend.close()
    return list(found), len((folder / "likely.csv").read_text().splitlines())


def test_a_killed_night_run_again_ends_as_an_undisturbed_one(script, filled):
    whole, broken = filled("whole"), filled("broken")
    undisturbed = started(script, whole)
    undisturbed.communicate(timeout=120)
    assert undisturbed.returncode == 0

    for pause in (0.0, 0.05):  # within the second file, then within the third or what follows
        night = started(script, broken)
        assert night.stdout is not None
        assert night.stdout.readline().startswith("till-")
        time.sleep(pause)
        night.send_signal(signal.SIGKILL)
        night.communicate()
        assert night.returncode == -signal.SIGKILL
    night = started(script, broken)
    night.communicate(timeout=120)

    assert night.returncode == 0
    assert contents(broken) == contents(whole)
    assert len(contents(whole)[0]) == 1500
    assert sorted(p.name for p in (broken / "inbox").iterdir()) == []


def test_of_two_nights_one_leaves_at_once(script, filled):
    folder = filled("crm")
    first = started(script, folder)
    while not (folder / "nightly.lock").exists() or not (folder / "crm.db").exists():
        time.sleep(0.01)
    second = started(script, folder)

    assert second.communicate(timeout=60)[1] == "another run is at work\n"
    assert second.returncode == 75
    first.communicate(timeout=120)
    assert first.returncode == 0


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("nosuch://db", 1, "UnknownBackend"),
        ("sqlite:////nowhere/at/all.db", 75, "StorageError"),
    ],
)
def test_what_fails_is_one_line_and_a_code(script, filled, url, code, said):
    folder = filled("crm", 1)
    command = [sys.executable, str(script), url, str(folder), DAY]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert finished.returncode == code
    assert finished.stderr.startswith(said)
    assert len(finished.stderr.splitlines()) == 1


def test_a_wrong_day_is_a_wrong_argument(script, filled):
    night = started(script, filled("crm", 1), day="tomorrow")

    assert "invalid" in night.communicate(timeout=60)[1]
    assert night.returncode == 2
