"""Services: use cases that add a rule. A use case takes a unit of work, a batch job a backend."""

from crmcore.services.advancing import Advanced, advance
from crmcore.services.as_known import as_known
from crmcore.services.column_names import guess_columns
from crmcore.services.comparing import (
    ComparedNumber,
    ComparedShare,
    SegmentComparison,
    compare_segment,
)
from crmcore.services.consuming import Cursor, FileCursor, MemoryCursor, consume
from crmcore.services.desk import Authority, DeskCard, decide_benefit, desk_card, grant_benefit
from crmcore.services.dictionary import (
    ColumnDescription,
    data_dictionary,
    dictionary_page,
    dictionary_version,
)
from crmcore.services.early_promotion import (
    EarlyPromotion,
    LoyaltyPolicy,
    LoyaltyRound,
    RetentionBonus,
    give_retention_bonuses,
    promote_early,
    revoke_promotion,
)
from crmcore.services.exporting import ExportReport, export
from crmcore.services.importing import ImportDecision, ImportReport
from crmcore.services.importing_customers import CustomerColumns, import_customers
from crmcore.services.importing_kinds import IMPORT_ORDER, import_aggregates, import_facts
from crmcore.services.importing_order_lines import import_order_lines
from crmcore.services.importing_purchases import import_purchases
from crmcore.services.liability import Liability, liability
from crmcore.services.loyalty import (
    Candidate,
    advance_programmes,
    near_fall,
    near_promotion,
    tier_flow,
)
from crmcore.services.order_line_rows import OrderLineColumns
from crmcore.services.partitions import PartitionCheck, check_partition
from crmcore.services.purchase_rows import PurchaseColumns
from crmcore.services.purchase_scorers import ExpectedPurchases, LifetimeWorth, ProbabilityAlive
from crmcore.services.rates import RateColumns, read_rates
from crmcore.services.refreshing import customers_of, refresh_segments
from crmcore.services.rejects import Reject
from crmcore.services.retail import CHARGES, Anonymous, Repeated
from crmcore.services.rfm import RfmCell, RfmCells, RfmSegment, rfm_cells
from crmcore.services.rfm_groups import NAMED_GROUPS, RfmGroup
from crmcore.services.scorers import (
    EstimatorScorer,
    FunctionScorer,
    Scorer,
    ScorerColumns,
    ScoreValues,
    scorer,
)
from crmcore.services.scores import ScoreColumn
from crmcore.services.scoring import Scored, Scoring, ScoringRun, holdout, score, score_by
from crmcore.services.scoring_columns import ScoringColumns, scoring_columns
from crmcore.services.segmentation import FoundSegment, FoundSegments, find_segments
from crmcore.services.tier_chances import tier_chances
from crmcore.services.tiers import TierSpend, members_by_tier, tier_spend

__all__ = [
    "CHARGES",
    "IMPORT_ORDER",
    "NAMED_GROUPS",
    "Advanced",
    "Anonymous",
    "Authority",
    "Candidate",
    "ColumnDescription",
    "ComparedNumber",
    "ComparedShare",
    "Cursor",
    "CustomerColumns",
    "DeskCard",
    "EarlyPromotion",
    "EstimatorScorer",
    "ExpectedPurchases",
    "ExportReport",
    "FileCursor",
    "FoundSegment",
    "FoundSegments",
    "FunctionScorer",
    "ImportDecision",
    "ImportReport",
    "Liability",
    "LifetimeWorth",
    "LoyaltyPolicy",
    "LoyaltyRound",
    "MemoryCursor",
    "OrderLineColumns",
    "PartitionCheck",
    "ProbabilityAlive",
    "PurchaseColumns",
    "RateColumns",
    "Reject",
    "Repeated",
    "RetentionBonus",
    "RfmCell",
    "RfmCells",
    "RfmGroup",
    "RfmSegment",
    "ScoreColumn",
    "ScoreValues",
    "Scored",
    "Scorer",
    "ScorerColumns",
    "Scoring",
    "ScoringColumns",
    "ScoringRun",
    "SegmentComparison",
    "TierSpend",
    "advance",
    "advance_programmes",
    "as_known",
    "check_partition",
    "compare_segment",
    "consume",
    "customers_of",
    "data_dictionary",
    "decide_benefit",
    "desk_card",
    "dictionary_page",
    "dictionary_version",
    "export",
    "find_segments",
    "give_retention_bonuses",
    "grant_benefit",
    "guess_columns",
    "holdout",
    "import_aggregates",
    "import_customers",
    "import_facts",
    "import_order_lines",
    "import_purchases",
    "liability",
    "members_by_tier",
    "near_fall",
    "near_promotion",
    "promote_early",
    "read_rates",
    "refresh_segments",
    "revoke_promotion",
    "rfm_cells",
    "score",
    "score_by",
    "scorer",
    "scoring_columns",
    "tier_chances",
    "tier_flow",
    "tier_spend",
]
