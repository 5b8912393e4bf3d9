"""CSV files: every line becomes a row or a reject, and what is unreadable is our error (O18)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore import CrmError, InvalidInput
from crmcore.adapters.backend import Backend
from crmcore.services import PurchaseColumns, import_purchases
from crmcore.services.rows import read_rows
from tests.services.stored import SOURCE, bought, csv_file, reasons

HEADER = "customer_id,date,amount,note"
GOOD = "c{},2024-01-31,12.50,fine"
QUOTES = "its quotation marks do not pair up"


def good_rows(count: int) -> list[str]:
    return [GOOD.format(n) for n in range(count)]


class TestLines:
    """One bad line loses no other."""

    def test_too_many_cells(self, memory: Backend, tmp_path: Path):
        """A decimal comma in an unquoted amount is no second column to be ignored."""
        path = csv_file(
            tmp_path, "customer_id,date,amount", "c1,2024-01-31,12,50", "c2,2024-01-31,3"
        )
        file = tmp_path / "rejects.csv"

        report = import_purchases(memory, path, source=SOURCE, rejects=file)

        assert reasons(report.rejects) == [(1, "", "has more cells than the header line")]
        assert bought(memory) == [("c2", "2024-01-31", "3.00 EUR")]
        assert file.read_text().splitlines()[1].endswith(",c1,2024-01-31,12,50")

    def test_trailing_empty_cells_are_nothing(self, memory: Backend, tmp_path: Path):
        """Spreadsheets pad lines with commas."""
        path = csv_file(tmp_path, HEADER, GOOD.format(1) + ",,,")

        assert import_purchases(memory, path, source=SOURCE).added == 1

    def test_too_few_cells(self, memory: Backend, tmp_path: Path):
        """What is missing is missed only where it is needed."""
        path = csv_file(tmp_path, HEADER, "c1,2024-01-31,12.50", "c2,2024-01-31", "c3")

        report = import_purchases(memory, path, source=SOURCE)

        assert report.added == 1
        assert reasons(report.rejects) == [
            (2, "amount", "is missing"), (3, "date", "is missing"), (3, "amount", "is missing"),
        ]  # fmt: skip

    @pytest.mark.parametrize("place", [0, 1, 2, 3])
    def test_an_open_quotation_mark_swallows_no_line(
        self, memory: Backend, tmp_path: Path, place: int
    ):
        """Its own line is rejected, as it stands; those behind it are read."""
        lines = good_rows(3)
        lines.insert(place, 'c9,2024-01-31,1.00,"open')
        path = csv_file(tmp_path, HEADER, *lines)
        file = tmp_path / "rejects.csv"

        report = import_purchases(memory, path, source=SOURCE, rejects=file)

        assert (report.rows, report.added) == (4, 3)
        assert reasons(report.rejects) == [(place + 1, "", QUOTES)]
        assert list(csv.reader(io.StringIO(file.read_text())))[1][-1] == lines[place]

    def test_an_open_quotation_mark_before_a_quoted_line(self, memory: Backend, tmp_path: Path):
        """The next mark closes nothing."""
        lines = ['c1,2024-01-31,1.00,"open', 'c2,2024-01-31,"2.00",fine', GOOD.format(3)]

        report = import_purchases(memory, csv_file(tmp_path, HEADER, *lines), source=SOURCE)

        assert (report.added, report.rejected) == (2, 1)

    def test_a_huge_swallowed_rest(self, memory: Backend, tmp_path: Path):
        """A mark left open before more text than a cell may hold."""
        lines = ['c0,2024-01-31,1.00,"open', *good_rows(8_000)]

        report = import_purchases(memory, csv_file(tmp_path, HEADER, *lines), source=SOURCE)

        assert (report.added, report.rejected) == (8_000, 1)
        assert "131,072 characters" in report.rejects[0].reason

    def test_text_behind_a_closing_mark(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, HEADER, 'c1,2024-01-31,"1"2,x', GOOD.format(2))

        report = import_purchases(memory, path, source=SOURCE)

        assert reasons(report.rejects) == [(1, "", QUOTES)]
        assert report.added == 1

    def test_lines_within_a_quoted_cell(self, memory: Backend, tmp_path: Path):
        """They are one row, and count as one."""
        path = csv_file(tmp_path, HEADER, 'c1,2024-01-31,1.00,"two\nlines, ""so"""', "bad", "x")

        report = import_purchases(memory, path, source=SOURCE)

        assert (report.rows, report.added) == (3, 1)
        assert {r.row for r in report.rejects} == {2, 3}

    def test_bytes_that_are_no_utf8(self, memory: Backend, tmp_path: Path):
        """Told to be UTF-8: a Latin-1 cell costs its own row if it is read, else nothing."""
        path = tmp_path / "rows.csv"
        path.write_bytes(
            b"customer_id,date,amount,note\n"
            b"Mu\xf1oz,2024-01-31,1.00,x\nc2,2024-01-31,2.00,Mu\xf1oz\nc3,2024-01-31,3.00,x\n"
        )
        file = tmp_path / "rejects.csv"

        report = import_purchases(memory, path, source=SOURCE, encoding="utf-8", rejects=file)

        assert report.added == 2
        assert reasons(report.rejects) == [(1, "customer_id", "is not text in its encoding")]
        assert r"Mu\udcf1oz" in file.read_text("utf-8")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_ends_of_lines_and_empty_lines(self, memory: Backend, tmp_path: Path, end: str):
        """All three are known; empty lines are no rows."""
        path = csv_file(tmp_path, HEADER, "", *good_rows(2), "", "", end=end)

        assert import_purchases(memory, path, source=SOURCE).rows == 2

    def test_a_byte_order_mark_is_no_part_of_a_name(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, "\ufeff" + HEADER, *good_rows(1))

        assert import_purchases(memory, path, source=SOURCE).added == 1

    def test_spaces_around_names_and_cells(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, "customer_id, date , amount", " c1 , 2024-01-31 ,\u00a012.50 ")

        assert import_purchases(memory, path, source=SOURCE).added == 1
        assert bought(memory) == [("c1", "2024-01-31", "12.50 EUR")]

    @settings(max_examples=25)
    @given(st.lists(st.lists(st.text(max_size=5), min_size=2, max_size=2), max_size=20))
    def test_what_was_written_as_csv_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
    ):
        """Whatever the cells hold, each record comes back whole."""
        rows = [[cell.encode("utf-8", "ignore").decode() for cell in row] for row in rows]
        path = tmp_path_factory.mktemp("csv") / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("a", "b"), *rows])

        with read_rows(path, None, needed=["a", "b"]) as (numbered, rejected):
            found = [[row["a"], row["b"]] for _, row in numbered]

        assert (found, rejected.count) == (rows, 0)

    @settings(max_examples=25)
    @given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20))
    def test_no_bytes_raise_anything_but_ours(
        self, tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
    ):
        """Good lines among arbitrary ones are found, and nothing of a driver gets out (O18)."""
        path = tmp_path_factory.mktemp("csv") / "rows.csv"
        path.write_bytes(b"a,b\n" + b"".join(line + b"\n" + b"good,1\n" for line in lines))

        with read_rows(path, None, needed=["a"]) as (numbered, _):
            found = [row["a"] for _, row in numbered]

        unquoted = sum(b'"' not in line for line in lines)
        assert found.count("good") >= (len(lines) if unquoted == len(lines) else 0)


class TestFiles:
    """What is wrong with a file as a whole is told at once, before anything is recorded."""

    def check(self, memory: Backend, rows: Path, path: str, reason: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            import_purchases(memory, rows, source=SOURCE)
        assert caught.value.faults[0].path == path
        assert reason in caught.value.faults[0].reason

    def test_no_such_file(self, memory: Backend, tmp_path: Path):
        self.check(memory, tmp_path / "none.csv", "rows", "cannot be opened: No such file")

    def test_a_folder(self, memory: Backend, tmp_path: Path):
        self.check(memory, tmp_path, "rows", "cannot be opened: Is a directory")

    def test_a_name_that_is_none(self, memory: Backend):
        self.check(memory, Path("a\0b"), "rows", "cannot be opened: is no file name")

    def test_an_empty_file(self, memory: Backend, tmp_path: Path):
        self.check(memory, csv_file(tmp_path), "rows", "has no header line")

    def test_a_header_alone(self, memory: Backend, tmp_path: Path):
        """Nothing happened that day; that is no fault."""
        assert import_purchases(memory, csv_file(tmp_path, HEADER), source=SOURCE).rows == 0

    def test_a_missing_column(self, memory: Backend, tmp_path: Path):
        """Not a reject for each row of a file that has the column under another name."""
        path = csv_file(tmp_path, "customer_id,date,worth", *good_rows(3))
        self.check(memory, path, "amount", "has no column that is known as it among 'customer_id'")

    def test_a_missing_column_that_the_caller_named(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, HEADER, *good_rows(3))
        with pytest.raises(InvalidInput, match="chanel: is no column"):
            import_purchases(memory, path, source=SOURCE, columns=PurchaseColumns(channel="chanel"))

    def test_a_column_that_is_there_twice(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, "customer_id,date,amount,amount", "c1,2024-01-31,1,2")
        self.check(memory, path, "amount", "is there twice")

    def test_another_encoding(self, memory: Backend, tmp_path: Path):
        path = tmp_path / "rows.csv"
        path.write_text("\n".join([HEADER, *good_rows(2)]), encoding="utf-16-le")
        self.check(memory, path, "rows", "has a header line of which not all is text")

    def test_an_open_quotation_mark_in_the_header(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, '"customer_id,date,amount', *good_rows(2))
        self.check(memory, path, "rows", "has no header line that can be read")

    def test_the_file_that_is_read_is_not_written(self, memory: Backend, tmp_path: Path):
        """Importing a mended rejects file may not empty it first."""
        path = csv_file(tmp_path, HEADER, *good_rows(2))
        before = path.read_bytes()

        with pytest.raises(InvalidInput, match="rejects: is the file that is read"):
            import_purchases(memory, path, source=SOURCE, rejects=tmp_path / "." / "rows.csv")

        assert path.read_bytes() == before

    def test_a_rejects_file_that_cannot_be_written(self, memory: Backend, tmp_path: Path):
        with pytest.raises(InvalidInput, match="rejects: cannot be opened"):
            import_purchases(memory, [], source=SOURCE, rejects=tmp_path / "no" / "r.csv")

    def test_without_rejects_the_file_is_empty(self, memory: Backend, tmp_path: Path):
        """What an earlier run left there is gone."""
        file = csv_file(tmp_path, "row,column,reason", "1,amount,old", name="rejects.csv")
        import_purchases(memory, [], source=SOURCE, rejects=file)

        assert file.read_text() == ""

    def test_every_error_is_ours(self):
        assert issubclass(InvalidInput, CrmError)


class TestRejectsFile:
    """Rows without a header line lose no value in it."""

    ROWS = (
        "broken",
        '{"customer_id": "c1", "date": "soon"}',
        '{"customer_id": "c2", "date": "soon", "amount": "5", "tags": ["a"]}',
        "[1]",
    )

    def test_what_later_rows_have_besides(self, memory: Backend, tmp_path: Path):
        path, file = tmp_path / "rows.jsonl", tmp_path / "rejects.csv"
        path.write_text("\n".join(self.ROWS))

        import_purchases(memory, path, source=SOURCE, rejects=file, columns=PurchaseColumns())

        with file.open(newline="") as text:
            header, *rows = csv.reader(text)
        assert header == ["row", "column", "reason", "customer_id", "date"]
        assert sorted((row[0], row[3:]) for row in rows) == [
            ("1", ["broken"]),
            ("2", ["c1", "soon"]),
            ("3", ["c2", "soon", '{"amount": "5", "tags": ["a"]}']),
            ("4", ["[1]"]),  # no names were known when it was read
        ]

    @pytest.mark.parametrize("count", [1, 150])
    def test_lines_that_are_no_rows_at_all(self, memory: Backend, tmp_path: Path, count: int):
        path, file = tmp_path / "rows.jsonl", tmp_path / "rejects.csv"
        path.write_text("broken\n" * count)

        import_purchases(memory, path, source=SOURCE, rejects=file)

        assert len(file.read_text().splitlines()) == count + 1
