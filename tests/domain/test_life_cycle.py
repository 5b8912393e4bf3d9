"""The life cycle: one transition table; what is in it is allowed, the rest is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from crmcore import (
    DEFAULT_LIFE_CYCLE,
    Customer,
    InvalidInput,
    LifeCycle,
    Model,
    Move,
    MoveRefused,
    Stage,
    Standing,
    field,
)

AT = datetime(2024, 1, 1, tzinfo=UTC)
STAGES = [stage.name for stage in DEFAULT_LIFE_CYCLE.stages]

# The default as a picture: from, and what it may become.
ALLOWED = {
    "prospect": {"active", "closed"},
    "active": {"loyal", "lapsed", "closed"},
    "loyal": {"lapsed", "closed"},
    "lapsed": {"won_back", "closed"},
    "won_back": {"active", "loyal", "lapsed", "closed"},
    "closed": {"prospect"},
}


@pytest.mark.parametrize(("before", "after"), list(product(STAGES, STAGES)))
def test_every_pair_of_stages_is_allowed_by_the_table_or_refused_by_name(before: str, after: str):
    """36 pairs: 14 moves, and 22 refusals that say what would be allowed."""
    customer = Customer(kind="person", at=AT, stage=before)

    if after in ALLOWED[before]:
        assert customer.moved_to(after, at=AT).stage == after
    else:
        with pytest.raises(MoveRefused) as refused:
            customer.moved_to(after, at=AT)
        error = refused.value
        assert error.rule == "life_cycle.no_such_move"
        assert (error.before, error.after) == (before, after)
        assert set(error.allowed) == ALLOWED[before]
        assert error.subject == str(customer.id)
        assert before in str(error)


def test_the_drawing_is_the_table():
    moves = DEFAULT_LIFE_CYCLE.moves
    assert {(move.before, move.after) for move in moves} == {
        (before, after) for before, stages in ALLOWED.items() for after in stages
    }
    assert DEFAULT_LIFE_CYCLE.first == "prospect"


def test_every_stage_can_be_left_and_reached():
    """Nobody is stuck for ever: also a closed account can be opened anew."""
    assert {move.before for move in DEFAULT_LIFE_CYCLE.moves} == set(STAGES)
    assert {move.after for move in DEFAULT_LIFE_CYCLE.moves} == set(STAGES)


def test_an_unknown_stage_is_invalid_and_not_refused():
    """A typing mistake is no business rule."""
    with pytest.raises(InvalidInput) as refused:
        Customer.person(at=AT).moved_to("activ", at=AT)
    assert refused.value.faults[0].path == "stage"


ONE = Stage("one", Standing.PROSPECT)
TWO = Stage("two", Standing.CUSTOMER)


@pytest.mark.parametrize(
    ("stages", "moves", "path"),
    [
        ([], [], "stages"),
        ([ONE, ONE], [], "stages"),
        ([ONE], [Move("one", "two", "go")], "moves[0]"),
        ([ONE, TWO], [Move("one", "two", "go"), Move("one", "two", "again")], "moves[1]"),
    ],
)
def test_a_life_cycle_that_contradicts_itself_is_refused(
    stages: list[Stage], moves: list[Move], path: str
):
    with pytest.raises(InvalidInput) as refused:
        LifeCycle(stages, moves)
    assert refused.value.faults[0].path == path


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Stage("One", Standing.CUSTOMER), "name"),
        (lambda: Stage("one", "boss"), "standing"),
        (lambda: Move("one", "one", "stay"), "after"),
        (lambda: Move("one", "two", "Go!"), "rule"),
        (lambda: Move("one", "two", "go", idle=timedelta()), "idle"),
        (lambda: Move("one", "two", "go", idle=timedelta(days=-1)), "idle"),
        (lambda: Move("one", "two", "go", idle=timedelta.max), "idle"),
    ],
)
def test_a_stage_or_move_that_means_nothing_is_refused(make: object, path: str):
    with pytest.raises(InvalidInput) as refused:
        make()  # type: ignore[operator]
    assert refused.value.faults[0].path == path


@pytest.mark.parametrize(
    "move",
    [
        Move("one", "two", "go", when=field("revenu") > 0),
        Move("one", "two", "go", when=field("order_count") == "many"),
        Move("one", "two", "go", idle=timedelta(days=1), dated="revenue"),
        Move("one", "two", "go", idle=timedelta(days=1), dated="last_visit_at"),
    ],
)
def test_a_move_over_no_such_field_is_refused_by_the_model(move: Move):
    """What `advance` would ask is checked when the model is built, not at night."""
    with pytest.raises(InvalidInput):
        Model(life_cycle=LifeCycle([ONE, TWO], [move]))


def test_a_customer_in_a_stage_of_another_life_cycle_is_refused_by_the_model():
    model = Model(life_cycle=LifeCycle([ONE, TWO], [Move("one", "two", "go")]))
    with pytest.raises(InvalidInput) as refused:
        model.check(Customer.person(at=AT))
    assert refused.value.faults[0].path == "stage"
    customer = Customer.person(at=AT, life_cycle=model.life_cycle)
    model.check(customer)
    assert customer.stage == "one"
