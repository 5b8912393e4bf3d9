"""How a CSV file is written: its encoding and its delimiter, told or found out.

An encoding is never assumed: a byte-order mark says it; without one the whole file is UTF-8 or it
is not. What is not, and holds no UTF-8 character either, is Windows-1252, of which Latin-1 is a
part. A file that mixes both stays UTF-8, and the rows that are not are rejected.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import attrs

from crmcore.domain.errors import InvalidInput

__all__ = ["CsvForm", "csv_path", "form_of", "opened", "unopened"]

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16, so it is asked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
OTHER_FORMATS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".parquet")
BLOCK = 1 << 20
BROKEN = re.compile("[\udc80-\udcff]")
WIDE = re.compile("[^\x00-\x7f\udc80-\udcff]")


@attrs.frozen(kw_only=True)
class CsvForm:
    """How a file is written, and in `guessed` what of it was found out."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    guessed: tuple[str, ...] = ()


def csv_path(rows: object) -> Path | None:
    """The file that `rows` names, unless its suffix says that it is no CSV file."""
    if not isinstance(rows, str | PathLike):
        return None
    path = Path(cast("str | PathLike[str]", rows))
    return None if path.name.lower().endswith(OTHER_FORMATS) else path


def form_of(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> CsvForm:
    """How the file is written; what is not told is found out from its bytes and its header line.

    What cannot be read more than once (a pipe) is UTF-8 with commas unless told. `InvalidInput`
    where the file cannot be opened, is not in the encoding, or leaves the delimiter open.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise InvalidInput.of("delimiter", "must be one character, and no quotation mark")
    guessed: list[str] = []
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return CsvForm(encoding=encoding or "utf-8-sig", delimiter=delimiter or ",")
        if encoding is not None and codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-8-sig"
        with _bytes_of(path) as file:
            if encoding is None:
                encoding, why = _encoding(file)
                guessed.append(f"the encoding is {encoding.removesuffix('-sig')}: {why}")
            file.seek(0)
            _check(file, encoding)
    except LookupError:
        raise InvalidInput.of("encoding", "is none that is known here") from None
    except (EOFError, zlib.error) as error:
        raise InvalidInput.of("rows", "is compressed and not whole") from error
    except (OSError, ValueError) as error:
        raise unopened("rows", error) from error
    if delimiter is None:
        delimiter, why = _delimiter(path, encoding)
        guessed.append(f"cells are divided by a {DELIMITERS[delimiter]}: {why}")
    return CsvForm(encoding=encoding, delimiter=delimiter, guessed=tuple(guessed))


def opened(path: str | PathLike[str], form: CsvForm) -> TextIO:
    """The file as text; bytes of no character pass as lone surrogates, refused cell by cell."""
    try:
        errors = _errors(form.encoding)
        # The caller closes it.
        if _is_compressed(Path(path)):
            return gzip.open(path, "rt", encoding=form.encoding, errors=errors, newline="")
        file = Path(path).open(encoding=form.encoding, errors=errors, newline="")  # noqa: SIM115
    except (OSError, ValueError, LookupError) as error:
        raise unopened("rows", error) from error
    return cast(TextIO, file)


def unopened(what: str, error: Exception) -> InvalidInput:
    """The error for a file that cannot be opened."""
    why = (error.strerror if isinstance(error, OSError) else None) or "is no file name"
    return InvalidInput.of(what, f"cannot be opened: {why}")


def _is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _bytes_of(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path) if _is_compressed(path) else path.open("rb"))


def _encoding(file: BinaryIO) -> tuple[str, str]:
    """The encoding, and why."""
    start = file.read(4)
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding, "its byte-order mark says so"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    wide = broken = False
    while not (wide and broken):
        block = file.read(BLOCK)
        text = decoder.decode(block, final=not block)
        if not text.isascii():
            wide = wide or WIDE.search(text) is not None
            broken = broken or BROKEN.search(text) is not None
        if not block:
            break
    if not broken:
        return "utf-8-sig", "all of it is"
    if wide:
        return "utf-8-sig", "some of it is, and rows with bytes that are not are rejected"
    return "cp1252", "it is not UTF-8, and Windows-1252 is what else is usual"


def _check(file: BinaryIO, encoding: str) -> None:
    """Refuse a file that is not in its encoding, unless that can be told cell by cell."""
    if _errors(encoding) != "strict":
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise InvalidInput.of("rows", f"is not in {encoding} throughout") from None


def _errors(encoding: str) -> str:
    """Where no byte can take its neighbour along, what is no character is found in its cell."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return "surrogateescape"
    pairs = (bytes([high, 0x41, high, high]) for high in range(0x80, 0x100))
    single = all(len(pair.decode(encoding, "replace")) == len(pair) for pair in pairs)
    return "surrogateescape" if single else "strict"


def _delimiter(path: Path, encoding: str) -> tuple[str, str]:
    """What divides the header line into most cells, and why."""
    with opened(path, CsvForm(encoding=encoding)) as file:
        line = next((line for line in file if line.strip()), "")
    counts = {mark: _cells(line, mark) for mark in DELIMITERS}
    most = max(counts.values())
    found = [mark for mark, count in counts.items() if count == most]
    if most <= 1:
        return ",", "the header line has one cell"
    if len(found) > 1:
        names = " or ".join(DELIMITERS[mark] for mark in found)
        raise InvalidInput.of("delimiter", f"can be {names}: say which")
    return found[0], f"it makes {most} cells of the header line"


def _cells(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), ()))
    except csv.Error:
        return 0
