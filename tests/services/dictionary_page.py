"""`docs/dictionary.md`: the data dictionary of the default model.

python -m tests.services.dictionary_page    # writes the page anew
"""

from __future__ import annotations

from pathlib import Path

from crmcore import Model
from crmcore.services import dictionary_page

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "dictionary.md"

HOW = """
Every column of `backend.columns(kind)` and of the files that `export` writes, under the default
model. A model of your own has more columns in its profiles: `dictionary_page(model)` of
`crmcore.services` writes this page for it, `data_dictionary(model)` gives the same as values. The
version names the schema and a mark of the columns: the same version, the same columns.

What a value looks like follows from the type:

| type | in `columns()` | in Arrow and Parquet | in JSON lines | in CSV |
|---|---|---|---|---|
| text | text | string | text | text; an absent value is an empty cell |
| integer | integer | int64 | number | digits |
| float | float | float64 | number | shortest digits that give the same float |
| boolean | truth value or 0 and 1 | bool | true, false | `true`, `false` |
| instant | milliseconds since 1970, UTC | timestamp in UTC | ISO 8601 text | ISO 8601 text |
| id | 16 bytes | 16 bytes; in Parquet the UUID's text | the UUID's text | the UUID's text |
| nested | JSON text | JSON text | objects and lists | JSON text |

Money is two columns, whole minor units and a currency. Nested money is
`{"minor": 1250, "currency": "EUR"}`; nested decimals, dates and instants are text.
"""


def page() -> str:
    """The page: how to read it, then a table for each kind."""
    title, version, tables = dictionary_page(Model()).split("\n\n", 2)
    return f"{title}\n\n{version}\n{HOW}\n{tables}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
