"""Encodings, delimiters, decimal marks and days: found out where they can be, else asked for."""

from __future__ import annotations

import codecs
import gzip
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import InvalidInput
from crmcore.adapters.backend import Backend
from crmcore.services import PurchaseColumns, import_customers, import_purchases
from crmcore.services.notation import Notation, plain
from tests.services.stored import SOURCE, bought, csv_file, customer, orders, reasons

HEADER = "customer_id,name"
ROW = "c1,Íñigo Muñoz"


def written(folder: Path, encoding: str, *lines: str, mark: bytes = b"") -> Path:
    path = folder / "rows.csv"
    path.write_bytes(mark + "".join(f"{line}\r\n" for line in lines).encode(encoding))
    return path


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "mark", "said"),
        [
            ("utf-8", b"", "utf-8: all of it is"),
            ("utf-8", codecs.BOM_UTF8, "utf-8: its byte-order mark says so"),
            ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16: its byte-order mark says so"),
            ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16: its byte-order mark says so"),
            ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32: its byte-order mark says so"),
            ("cp1252", b"", "cp1252: it is not UTF-8"),
            ("latin-1", b"", "cp1252: it is not UTF-8"),
        ],
    )
    def test_it_is_found_out_and_told(
        self, memory: Backend, tmp_path: Path, encoding: str, mark: bytes, said: str
    ):
        path = written(tmp_path, encoding, HEADER, ROW, mark=mark)

        report = import_customers(memory, path, source=SOURCE)

        assert customer(memory, "c1").name == "Íñigo Muñoz"
        assert report.guessed[0].startswith(f"the encoding is {said}")

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "utf-16-le", "cp850"])
    def test_what_is_told_is_not_guessed(self, memory: Backend, tmp_path: Path, encoding: str):
        path = written(tmp_path, encoding, HEADER, ROW)

        report = import_customers(memory, path, source=SOURCE, encoding=encoding)

        assert customer(memory, "c1").name == "Íñigo Muñoz"
        assert not any("encoding" in guess for guess in report.guessed)

    def test_a_mixed_file_is_not_garbled(self, memory: Backend, tmp_path: Path):
        """Read as Windows-1252 every good name would be wrong: the bad row is rejected instead."""
        path = tmp_path / "rows.csv"
        path.write_bytes(f"{HEADER}\n{ROW}\nc2,".encode() + "Peña\n".encode("cp1252"))

        report = import_customers(memory, path, source=SOURCE)

        assert customer(memory, "c1").name == "Íñigo Muñoz"
        assert reasons(report.rejects) == [(2, "name", "is not text in its encoding")]
        assert "some of it is" in report.guessed[0]

    def test_a_byte_of_no_character_costs_its_row(self, memory: Backend, tmp_path: Path):
        """0x81 is nothing in Windows-1252."""
        path = tmp_path / "rows.csv"
        path.write_bytes(b"customer_id,name\nc1,Pe\xf1a\nc2,\x81\n")

        report = import_customers(memory, path, source=SOURCE)

        assert (report.added, reasons(report.rejects)) == (
            1, [(2, "name", "is not text in its encoding")],
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("data", "encoding", "place"),
        [
            (codecs.BOM_UTF16_LE + b"a,b\n\0", None, "rows: is not in utf-16 throughout"),
            (b"customer_id\n\xff", "utf-16-be", "rows: is not in utf-16-be throughout"),
            (b"customer_id\n\x81", "shift_jis", "rows: is not in shift_jis throughout"),
            (b"customer_id\nc1", "klingon", "encoding: is none that is known here"),
            (b"customer_id\nc1", "rot13", "encoding: is none that is known here"),
        ],
    )
    def test_what_is_not_in_its_encoding_is_ours(
        self, memory: Backend, tmp_path: Path, data: bytes, encoding: str | None, place: str
    ):
        path = tmp_path / "rows.csv"
        path.write_bytes(data)

        with pytest.raises(InvalidInput, match=place):
            import_customers(memory, path, source=SOURCE, encoding=encoding)

    @given(st.text(st.characters(codec="cp1252", exclude_characters='\0\r\n",')))
    def test_what_one_encoding_writes_is_read_back(
        self, tmp_path_factory: pytest.TempPathFactory, name: str
    ):
        """Whatever is guessed of the bytes, no text comes out other than it went in: it is the
        same, or it is UTF-8 by chance, which is what `encoding` is for."""
        import crmcore

        backend = crmcore.connect("memory://")
        backend.migrate()
        path = tmp_path_factory.mktemp("csv") / "rows.csv"
        path.write_bytes(b"customer_id,name\nc1," + name.encode("cp1252") + b"\n")

        import_customers(backend, path, source=SOURCE, encoding="cp1252", delimiter=",")

        assert (customer(backend, "c1").name or "") == name.strip()

    def test_a_pipe_is_read_once(self, memory: Backend, tmp_path: Path):
        """What cannot be looked at twice is UTF-8 with commas."""
        path = tmp_path / "pipe.csv"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_text, args=(f"{HEADER}\nc1,Ana\n",))
        writer.start()
        report = import_customers(memory, path, source=SOURCE)
        writer.join()

        assert report.added == 1


def test_a_compressed_file_is_looked_at_alike(memory: Backend, tmp_path: Path):
    """And one that was cut off is told before anything is recorded."""
    data = gzip.compress(f"{HEADER}\n{ROW}\n".encode("cp1252"))
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(data)

    report = import_customers(memory, path, source=SOURCE)

    assert customer(memory, "c1").name == "Íñigo Muñoz"
    assert report.guessed[0].startswith("the encoding is cp1252")
    path.write_bytes(data[:-9])
    with pytest.raises(InvalidInput, match="rows: is compressed and not whole"):
        import_customers(memory, path, source=SOURCE)


def test_another_format_is_no_csv(memory: Backend, tmp_path: Path):
    with pytest.raises(InvalidInput, match="rows: is a file of a format that is not read"):
        import_customers(memory, tmp_path / "rows.json", source=SOURCE)


class TestDelimiters:
    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_the_header_line_tells(self, memory: Backend, tmp_path: Path, mark: str):
        lines = [line.replace(",", mark) for line in ("customer_id,date,amount", "c1,2024-01-31,3")]

        assert import_purchases(memory, csv_file(tmp_path, *lines), source=SOURCE).added == 1

    def test_a_comma_in_a_quoted_name_divides_nothing(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, '"note, or not";cliente;fecha;total', "x;c1;2024-01-31;3")

        assert import_purchases(memory, path, source=SOURCE).added == 1

    def test_two_that_fit_alike_are_asked_for(self, memory: Backend, tmp_path: Path):
        path = csv_file(tmp_path, "a,b;c", "1,2;3")

        with pytest.raises(InvalidInput, match="delimiter: can be comma or semicolon: say which"):
            import_purchases(memory, path, source=SOURCE)

    @pytest.mark.parametrize("mark", ["", ";;", '"', "\n"])
    def test_what_can_be_none_is_refused(self, memory: Backend, tmp_path: Path, mark: str):
        with pytest.raises(InvalidInput, match="delimiter: must be one character"):
            import_purchases(memory, csv_file(tmp_path, "a"), source=SOURCE, delimiter=mark)


def amounts(backend: Backend) -> list[str]:
    return [str(order.total.amount) for order in orders(backend)]


def a_file(folder: Path, *cells: str, mark: str = ";") -> Path:
    """One purchase of an amount on each day of January."""
    rows = [f"c1{mark}2024-01-{day:02}{mark}{cell}" for day, cell in enumerate(cells, start=1)]
    return csv_file(folder, f"customer_id{mark}date{mark}amount", *rows)


class TestDecimals:
    def test_a_comma_is_found_out(self, memory: Backend, tmp_path: Path):
        """One amount that can be read in one way only tells how to read the others."""
        path = a_file(tmp_path, "1.234,56", "1.000", "12,5", "7", "1.234.567,00")

        report = import_purchases(memory, path, source=SOURCE)

        assert amounts(memory) == ["1234.56", "1000.00", "12.50", "7.00", "1234567.00"]
        said = "decimals stand behind a comma: 3 cells have a comma there and 0 a point"
        assert said in report.guessed

    def test_a_point_with_thousands_is_found_out(self, memory: Backend, tmp_path: Path):
        path = a_file(tmp_path, "1,234.56", "1,000", "12.5", "7")

        import_purchases(memory, path, source=SOURCE)

        assert amounts(memory) == ["1234.56", "1000.00", "12.50", "7.00"]

    def test_what_contradicts_the_others_is_rejected(self, memory: Backend, tmp_path: Path):
        path = a_file(tmp_path, "1,50", "2,50", "3.50", "1.23,4")

        report = import_purchases(memory, path, source=SOURCE)

        assert amounts(memory) == ["1.50", "2.50"]
        assert [(r.row, r.column) for r in report.rejects] == [(3, "amount"), (4, "amount")]
        assert "a comma before the decimals" in report.rejects[0].reason

    @pytest.mark.parametrize(("usual", "other"), [(",", "."), (".", ",")])
    def test_what_is_less_than_one_is_no_thousand(
        self, memory: Backend, tmp_path: Path, usual: str, other: str
    ):
        """`0.990` among decimal commas is rejected, not read as 990; where it fits it is 0.99."""
        path = a_file(tmp_path, f"12{usual}50", f"7{usual}00", f"0{other}990", f"0{usual}990")

        report = import_purchases(memory, path, source=SOURCE)

        assert amounts(memory) == ["12.50", "7.00", "0.99"]
        assert [(r.row, r.column) for r in report.rejects] == [(3, "amount")]

    def test_a_fraction_tells_the_mark(self, memory: Backend, tmp_path: Path):
        import_purchases(memory, a_file(tmp_path, "0.990", "1,234"), source=SOURCE)

        assert amounts(memory) == ["0.99", "1234.00"]

    @pytest.mark.parametrize(("cell", "mark"), [("1,234", ";"), ("1.234", ";"), ('"1,234"', ",")])
    def test_what_can_be_read_both_ways_is_asked_for(
        self, memory: Backend, tmp_path: Path, cell: str, mark: str
    ):
        path = a_file(tmp_path, cell, "7", mark=mark)

        with pytest.raises(InvalidInput, match="decimal: is left open"):
            import_purchases(memory, path, source=SOURCE)

        for decimal in ",.":
            report = import_purchases(memory, path, source=f"shop {decimal}", decimal=decimal)
            assert report.rows == 2

    def test_a_third_mark_is_refused(self, memory: Backend):
        with pytest.raises(InvalidInput, match="decimal: must be a point or a comma"):
            import_purchases(memory, [], source=SOURCE, decimal="'")

    @pytest.mark.parametrize(
        ("text", "decimal", "expected"),
        [
            ("-1.234,5", ",", "-1234.5"), ("1 234,50", ",", "1234.50"),
            ("1'234.50", ".", "1234.50"), ("12", ",", "12"), (",5", ",", ".5"),
            ("1,234,567", ".", "1234567"),
        ],
    )  # fmt: skip
    def test_a_number_in_either_notation(self, text: str, decimal: str, expected: str):
        assert plain(text, Notation(decimal=decimal, grouped=True)) == expected

    @pytest.mark.parametrize(
        ("text", "decimal"), [("1,2,3", "."), ("12,345,6", "."), ("1.23", ","), ("1,234.5", ","),
         ("0,990", "."), ("0.500", ","), ("-012.345", ",")],
    )  # fmt: skip
    def test_a_number_in_neither(self, text: str, decimal: str):
        with pytest.raises(InvalidInput):
            plain(text, Notation(decimal=decimal, grouped=True))

    @given(st.decimals(-(10**12), 10**12, places=2, allow_nan=False), st.sampled_from(".,"))
    def test_what_is_written_is_read(self, number: object, decimal: str):
        """Grouped and in either notation, every amount comes back as it was."""
        text = f"{number:,}"
        if decimal == ",":
            text = text.translate(str.maketrans(",.", ".,"))

        assert plain(text, Notation(decimal=decimal, grouped=True)) == f"{number}"


def dated(folder: Path, *days: str) -> Path:
    return csv_file(folder, "customer_id,date,amount", *(f"c1,{day},1.00" for day in days))


def days(backend: Backend) -> list[str]:
    return [order.at.isoformat(timespec="minutes")[:16] for order in orders(backend)]


class TestDays:
    @pytest.mark.parametrize(
        ("cells", "expected", "said"),
        [
            (("31/01/2024", "02/03/2024"), ["2024-01-31T00:00", "2024-03-02T00:00"], "day"),
            (("02.03.2024 8:26", "31.1.2024"), ["2024-01-31T00:00", "2024-03-02T08:26"], "day"),
            (("1/31/2024", "2-3-2024 23:59:59"), ["2024-01-31T00:00", "2024-02-03T23:59"], "month"),
        ],
    )
    def test_one_day_that_is_no_month_tells(
        self, memory: Backend, tmp_path: Path, cells: tuple[str], expected: list[str], said: str
    ):
        """Wherever in the file it stands."""
        report = import_purchases(memory, dated(tmp_path, *cells), source=SOURCE, zone="UTC")

        assert days(memory) == expected
        assert any(f"dates have the {said} first: row" in guess for guess in report.guessed)

    def test_dates_that_can_be_read_both_ways_are_refused(self, memory: Backend, tmp_path: Path):
        """Nothing is stored, and saying it is enough."""
        path = dated(tmp_path, "01/02/2024", "03/04/2024")

        with pytest.raises(InvalidInput, match="day_first: is left open: the date of row 1"):
            import_purchases(memory, path, source=SOURCE)
        assert orders(memory) == []

        assert import_purchases(memory, path, source=SOURCE, day_first=True).added == 2
        assert days(memory) == ["2024-02-01T00:00", "2024-04-03T00:00"]

    def test_a_file_that_contradicts_itself_is_refused(self, memory: Backend, tmp_path: Path):
        path = dated(tmp_path, "01/02/2024", "31/01/2024", "01/31/2024")

        with pytest.raises(InvalidInput, match="row 2 has the day first and row 3 the month"):
            import_purchases(memory, path, source=SOURCE)

        report = import_purchases(memory, path, source=SOURCE, day_first=True)
        reason = "has no such month, read with the day first"
        assert (report.added, reasons(report.rejects)) == (2, [(3, "date", reason)])

    def test_a_day_that_is_its_month_is_the_same_both_ways(self, memory: Backend, tmp_path: Path):
        import_purchases(memory, dated(tmp_path, "05/05/2024"), source=SOURCE)

        assert days(memory) == ["2024-05-05T00:00"]

    def test_impossible_days_are_rejected(self, memory: Backend, tmp_path: Path):
        """They say nothing of the others either."""
        path = dated(
            tmp_path, "2024-01-31", "31/13/2024", "30/02/2024", "30/03/24", "1/1/2024 24:00"
        )

        report = import_purchases(memory, path, source=SOURCE)

        assert (report.added, [r.row for r in report.rejects]) == (1, [2, 3, 4, 5])

    def test_a_zone_is_the_zone_of_such_days(self, memory: Backend, tmp_path: Path):
        path = dated(tmp_path, "31/01/2024")

        import_purchases(memory, path, source=SOURCE, zone="Asia/Tokyo")

        assert days(memory) == ["2024-01-30T15:00"]

    def test_the_rows_of_a_program_are_not_guessed(self, memory: Backend):
        """They stream, so nobody can look at all of them first: the caller says it."""
        rows = [{"customer_id": "c1", "date": "31/01/2024", "amount": "1.00"}]

        report = import_purchases(memory, rows, source=SOURCE)
        assert "say day_first" in report.rejects[0].reason

        assert import_purchases(memory, rows, source=SOURCE, day_first=True).added == 1


def test_a_spanish_export(memory: Backend, tmp_path: Path):
    """All at once: Windows-1252, semicolons, a comma before the cents, the day first."""
    path = written(
        tmp_path, "cp1252", "Código cliente;Fecha;Importe;Nº factura",
        "Muñoz;31/01/2024;1.234,50;F-1", "Peña;01/02/2024;7,00;F-2",
    )  # fmt: skip

    report = import_purchases(memory, path, source=SOURCE, zone="UTC")

    assert bought(memory) == [
        ("Muñoz", "2024-01-31", "1234.50 EUR"), ("Peña", "2024-02-01", "7.00 EUR"),
    ]  # fmt: skip
    assert len(report.guessed) == 8
    assert import_purchases(memory, path, source=SOURCE, zone="UTC").unchanged == 2
    assert guessed_nothing_of(report.guessed, "Muñoz")


def guessed_nothing_of(guessed: tuple[str, ...], value: str) -> bool:
    return not any(value in sentence for sentence in guessed)


def test_a_delimiter_of_ones_own(memory: Backend, tmp_path: Path):
    path = csv_file(tmp_path, "customer_id~date~amount", "c1~2024-01-31~1,5")
    columns = PurchaseColumns()

    report = import_purchases(memory, path, source=SOURCE, columns=columns, delimiter="~")

    assert amounts(memory) == ["1.50"]
    assert report.added == 1
