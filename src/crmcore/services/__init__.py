"""Services: use cases that add a rule. A use case takes a unit of work, a batch job a backend."""

from crmcore.services.advancing import Advanced, advance
from crmcore.services.consuming import Cursor, FileCursor, MemoryCursor, consume
from crmcore.services.dictionary import (
    ColumnDescription,
    data_dictionary,
    dictionary_page,
    dictionary_version,
)
from crmcore.services.exporting import ExportReport, export
from crmcore.services.importing import ImportReport
from crmcore.services.importing_customers import CustomerColumns, import_customers
from crmcore.services.importing_kinds import IMPORT_ORDER, import_aggregates, import_facts
from crmcore.services.importing_purchases import import_purchases
from crmcore.services.purchase_rows import PurchaseColumns
from crmcore.services.rejects import Reject
from crmcore.services.scoring import Scoring, holdout, score

__all__ = [
    "IMPORT_ORDER",
    "Advanced",
    "ColumnDescription",
    "Cursor",
    "CustomerColumns",
    "ExportReport",
    "FileCursor",
    "ImportReport",
    "MemoryCursor",
    "PurchaseColumns",
    "Reject",
    "Scoring",
    "advance",
    "consume",
    "data_dictionary",
    "dictionary_page",
    "dictionary_version",
    "export",
    "holdout",
    "import_aggregates",
    "import_customers",
    "import_facts",
    "import_purchases",
    "score",
]
