"""crmcore: the CRM domain model that Python applications embed.

Facts go in, scores come out as facts, everything else is derived, decisions are explained.
Importing it loads attrs and cattrs, nothing else.
"""

from crmcore.adapters.backend import Backend
from crmcore.adapters.dicts import from_dict, from_json, json_schema, to_dict, to_json
from crmcore.connecting import connect
from crmcore.domain.attributes import AttributeType, AttributeValue
from crmcore.domain.consent import PURPOSES, Consent, LegalBasis, Purpose
from crmcore.domain.contact_points import Channel, ContactKind, ContactPoint
from crmcore.domain.contact_policy import may_contact
from crmcore.domain.customer import Customer, CustomerKind
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.earning import EarningRule, Per
from crmcore.domain.errors import (
    AlreadyExists,
    AmbiguousIdentifier,
    Busy,
    Conflict,
    ConflictingFact,
    CrmError,
    Fault,
    IdentifierTaken,
    InvalidInput,
    MissingExtra,
    MissingRate,
    MixedCurrencies,
    MoveRefused,
    NotFound,
    NotMigrated,
    OutcomeUnknown,
    Refused,
    Stale,
    StorageError,
    UnknownBackend,
    UnknownField,
)
from crmcore.domain.explaining import Explanation
from crmcore.domain.expressions import ago, facts, field, from_now, in_segment, start_of
from crmcore.domain.identifiers import Identifier, IdentifierType
from crmcore.domain.ids import (
    CustomerId,
    FactId,
    MembershipId,
    OrderId,
    ProductId,
    SegmentId,
    new_id,
)
from crmcore.domain.interaction import Direction, Interaction
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.life_cycle import DEFAULT_LIFE_CYCLE, LifeCycle, Move, Stage, Standing
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.membership import Lot, Membership, TierChange, TierReason
from crmcore.domain.model import Model
from crmcore.domain.money import DatedRates, Money, Rates
from crmcore.domain.notes import Attachment, Note
from crmcore.domain.observing import Outcome, UnitEnded
from crmcore.domain.order import Order, OrderLine
from crmcore.domain.order_facts import (
    Cancellation,
    Fulfilment,
    OrderHistory,
    OrderStatus,
    Payment,
    Purchase,
    Return,
)
from crmcore.domain.partition import partition
from crmcore.domain.periods import Anniversary, Calendar, Expiry, ExpiryEnd, Fixed, Rolling
from crmcore.domain.points import LotPart, Movement, PointsBalance, PointsEntry
from crmcore.domain.predicates import Predicate
from crmcore.domain.product import Product
from crmcore.domain.profile import Page, Profile
from crmcore.domain.programme import (
    Benefit,
    Downgrade,
    Pending,
    PointsRelease,
    Programme,
    RedemptionOrder,
    ReturnPolicy,
    Rounding,
    Rules,
    Tier,
)
from crmcore.domain.relations import Relationship, Role
from crmcore.domain.score import Score
from crmcore.domain.segment import Segment, SegmentChange
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.tier_terms import tier
from crmcore.domain.timeline import Timeline, TimelinePage
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.domain.wording import in_words

__all__ = [
    "DEFAULT_LIFE_CYCLE",
    "PURPOSES",
    "AlreadyExists",
    "AmbiguousIdentifier",
    "Anniversary",
    "Attachment",
    "AttributeType",
    "AttributeValue",
    "Backend",
    "Benefit",
    "Busy",
    "Calendar",
    "Cancellation",
    "Channel",
    "Conflict",
    "ConflictingFact",
    "Consent",
    "ContactKind",
    "ContactPoint",
    "CrmError",
    "Customer",
    "CustomerId",
    "CustomerKind",
    "DatedRates",
    "Decision",
    "Direction",
    "Downgrade",
    "EarningRule",
    "Entry",
    "Expiry",
    "ExpiryEnd",
    "Explanation",
    "FactId",
    "Fault",
    "Fixed",
    "Fold",
    "Fulfilment",
    "Identifier",
    "IdentifierTaken",
    "IdentifierType",
    "Interaction",
    "InvalidInput",
    "LegalBasis",
    "LifeCycle",
    "Lot",
    "LotPart",
    "Measure",
    "Membership",
    "MembershipId",
    "MissingExtra",
    "MissingRate",
    "MixedCurrencies",
    "Model",
    "Money",
    "Move",
    "MoveRefused",
    "Movement",
    "NotFound",
    "NotMigrated",
    "Note",
    "Operation",
    "Order",
    "OrderHistory",
    "OrderId",
    "OrderLine",
    "OrderStatus",
    "Outcome",
    "OutcomeUnknown",
    "Page",
    "Payment",
    "Pending",
    "Per",
    "PointsBalance",
    "PointsEntry",
    "PointsRelease",
    "Predicate",
    "Product",
    "ProductId",
    "Profile",
    "Programme",
    "Purchase",
    "Purpose",
    "Rates",
    "Reason",
    "RecordedDecision",
    "RedemptionOrder",
    "Refused",
    "Relationship",
    "Return",
    "ReturnPolicy",
    "Role",
    "Rolling",
    "Rounding",
    "Rules",
    "Score",
    "Segment",
    "SegmentChange",
    "SegmentId",
    "SegmentRefresh",
    "Stage",
    "Stale",
    "Standing",
    "StorageError",
    "Tier",
    "TierChange",
    "TierReason",
    "Timeline",
    "TimelinePage",
    "UnitEnded",
    "UnitOfWork",
    "UnknownBackend",
    "UnknownField",
    "Verdict",
    "ago",
    "connect",
    "facts",
    "field",
    "from_dict",
    "from_json",
    "from_now",
    "in_segment",
    "in_words",
    "json_schema",
    "may_contact",
    "new_id",
    "partition",
    "start_of",
    "tier",
    "to_dict",
    "to_json",
]
