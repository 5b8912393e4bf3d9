"""The contract: tests that every backend passes, for adapters of yours as for our own.

    from crmcore.testing.contract import BackendContract

    class TestRedis(BackendContract):
        @pytest.fixture
        def backends(self, redis):                 # one empty store for each test
            def make(*, tenant="a", model=Model(), clock=system_clock, rates=DatedRates()):
                return RedisBackend(redis, tenant=tenant, model=model, clock=clock, rates=rates)
            return make

Nothing here is collected by itself. A test's docstring is the promise it proves. What differs for
good reason is a capability flag on the class; see `Subject`. Needs the extra `testing`.
"""

from crmcore.domain.errors import MissingExtra

try:
    import hypothesis  # noqa: F401  the properties need it; say so at once
    import pytest
except ImportError as _error:
    raise MissingExtra("testing") from _error

# Without it a failed promise of an imported class is a bare AssertionError.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in (
            "aggregates",
            "arrivals",
            "as_known",
            "columns",
            "birthdays",
            "concurrency",
            "consents",
            "consuming",
            "contents",
            "counting",
            "crowd",
            "deeds",
            "desk",
            "dictionaries",
            "exchange",
            "fact_terms",
            "facts",
            "faults",
            "folded_texts",
            "histories",
            "host_transactions",
            "identifiers",
            "importing",
            "interleaving",
            "journal",
            "ledger_facts",
            "local_days",
            "loyalty",
            "loyalty_deeds",
            "loyalty_machine",
            "loyalty_purchases",
            "loyalty_witness",
            "machine",
            "memberships",
            "models",
            "name_search",
            "observing",
            "orders",
            "predicates",
            "profiles",
            "queries",
            "redaction",
            "restoring",
            "refreshing",
            "running",
            "segments",
            "subject",
            "subscribing",
            "tags",
            "tenants",
            "texts",
            "timeline",
            "units_of_work",
            "values",
            "witness",
        )
    )
)

from crmcore.testing.contract.aggregates import AggregatesContract  # noqa: E402  after the above
from crmcore.testing.contract.as_known import AsKnownContract  # noqa: E402
from crmcore.testing.contract.birthdays import BirthdaysContract  # noqa: E402
from crmcore.testing.contract.columns import ColumnsContract  # noqa: E402
from crmcore.testing.contract.concurrency import ConcurrencyContract  # noqa: E402
from crmcore.testing.contract.consents import ConsentsContract  # noqa: E402
from crmcore.testing.contract.consuming import ConsumingContract  # noqa: E402
from crmcore.testing.contract.counting import CountingContract  # noqa: E402
from crmcore.testing.contract.desk import DeskContract  # noqa: E402
from crmcore.testing.contract.dictionaries import DictionariesContract  # noqa: E402
from crmcore.testing.contract.exchange import ExchangeContract  # noqa: E402
from crmcore.testing.contract.fact_terms import FactTermsContract  # noqa: E402
from crmcore.testing.contract.facts import FactsContract  # noqa: E402
from crmcore.testing.contract.faults import FaultsContract  # noqa: E402
from crmcore.testing.contract.folded_texts import FoldedTextsContract  # noqa: E402
from crmcore.testing.contract.foresight import ForesightContract  # noqa: E402
from crmcore.testing.contract.histories import HistoriesContract  # noqa: E402
from crmcore.testing.contract.host_transactions import HostTransactionsContract  # noqa: E402
from crmcore.testing.contract.identifiers import IdentifiersContract  # noqa: E402
from crmcore.testing.contract.importing import ImportingContract  # noqa: E402
from crmcore.testing.contract.journal import JournalContract  # noqa: E402
from crmcore.testing.contract.ledger_facts import LedgerFactsContract  # noqa: E402
from crmcore.testing.contract.local_days import LocalDaysContract  # noqa: E402
from crmcore.testing.contract.loyalty import LoyaltyContract  # noqa: E402
from crmcore.testing.contract.loyalty_machine import (  # noqa: E402
    LoyaltyHistoriesContract,
    loyalty_machine_of,
)
from crmcore.testing.contract.machine import machine_of  # noqa: E402
from crmcore.testing.contract.memberships import MembershipsContract  # noqa: E402
from crmcore.testing.contract.models import ModelsContract  # noqa: E402
from crmcore.testing.contract.name_search import NameSearchContract  # noqa: E402
from crmcore.testing.contract.observing import ObservingContract  # noqa: E402
from crmcore.testing.contract.orders import OrdersContract  # noqa: E402
from crmcore.testing.contract.predicates import PredicatesContract  # noqa: E402
from crmcore.testing.contract.profiles import ProfilesContract  # noqa: E402
from crmcore.testing.contract.queries import QueriesContract  # noqa: E402
from crmcore.testing.contract.redaction import RedactionContract  # noqa: E402
from crmcore.testing.contract.refreshing import RefreshingContract  # noqa: E402
from crmcore.testing.contract.restoring import RestoringContract  # noqa: E402
from crmcore.testing.contract.running import RunningContract  # noqa: E402
from crmcore.testing.contract.segments import SegmentsContract  # noqa: E402
from crmcore.testing.contract.subject import Make, Subject  # noqa: E402
from crmcore.testing.contract.subscribing import SubscribingContract  # noqa: E402
from crmcore.testing.contract.tags import TagsContract  # noqa: E402
from crmcore.testing.contract.tenants import TenantsContract  # noqa: E402
from crmcore.testing.contract.texts import TextsContract  # noqa: E402
from crmcore.testing.contract.timeline import TimelineContract  # noqa: E402
from crmcore.testing.contract.units_of_work import UnitsOfWorkContract  # noqa: E402
from crmcore.testing.contract.values import ValuesContract  # noqa: E402

__all__ = [
    "AggregatesContract",
    "AsKnownContract",
    "BackendContract",
    "BirthdaysContract",
    "ColumnsContract",
    "ConcurrencyContract",
    "ConsentsContract",
    "ConsumingContract",
    "CountingContract",
    "DeskContract",
    "DictionariesContract",
    "ExchangeContract",
    "FactTermsContract",
    "FactsContract",
    "FaultsContract",
    "FoldedTextsContract",
    "ForesightContract",
    "HistoriesContract",
    "HostTransactionsContract",
    "IdentifiersContract",
    "ImportingContract",
    "JournalContract",
    "LedgerFactsContract",
    "LocalDaysContract",
    "LoyaltyContract",
    "LoyaltyHistoriesContract",
    "Make",
    "MembershipsContract",
    "ModelsContract",
    "NameSearchContract",
    "ObservingContract",
    "OrdersContract",
    "PredicatesContract",
    "ProfilesContract",
    "QueriesContract",
    "RedactionContract",
    "RefreshingContract",
    "RestoringContract",
    "RunningContract",
    "SegmentsContract",
    "Subject",
    "SubscribingContract",
    "TagsContract",
    "TenantsContract",
    "TextsContract",
    "TimelineContract",
    "UnitsOfWorkContract",
    "ValuesContract",
    "loyalty_machine_of",
    "machine_of",
]


class BackendContract(
    AggregatesContract,
    IdentifiersContract,
    UnitsOfWorkContract,
    FactsContract,
    OrdersContract,
    ConsentsContract,
    TimelineContract,
    RedactionContract,
    ProfilesContract,
    QueriesContract,
    NameSearchContract,
    FoldedTextsContract,
    BirthdaysContract,
    TagsContract,
    SegmentsContract,
    RefreshingContract,
    LedgerFactsContract,
    MembershipsContract,
    PredicatesContract,
    LocalDaysContract,
    FactTermsContract,
    CountingContract,
    TextsContract,
    ValuesContract,
    JournalContract,
    TenantsContract,
    ModelsContract,
    RunningContract,
    FaultsContract,
    SubscribingContract,
    ObservingContract,
    ConsumingContract,
    ConcurrencyContract,
    ColumnsContract,
    DictionariesContract,
    RestoringContract,
    ExchangeContract,
    HostTransactionsContract,
    HistoriesContract,
    ImportingContract,
    AsKnownContract,
    LoyaltyContract,
    ForesightContract,
    DeskContract,
    LoyaltyHistoriesContract,
):
    """All of it, in one class."""
