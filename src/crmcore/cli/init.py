"""`crmcore init`: the store is made, or brought up to date."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from crmcore.cli.places import connected
from crmcore.cli.showing import counted
from crmcore.cli.terminal import Terminal
from crmcore.connecting import connect
from crmcore.domain.errors import InvalidInput
from crmcore.domain.model import Model

__all__ = ["init"]


def init(
    *,
    currency: str | None = None,
    zone: str | None = None,
    region: str | None = None,
    model: str | None = None,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """Make the store, or bring it up to date.

    It creates the tables or collections that are missing and stores the model.
    Run again, it changes nothing; after an upgrade of crmcore it upgrades the
    store.

        crmcore init --currency EUR --zone Europe/Madrid
        crmcore init --url postgresql+psycopg://localhost/crm --tenant north
        crmcore init --model shop.customers:MODEL

    Parameters
    ----------
    currency
        The currency of every sum, e.g. EUR (the default). It cannot be changed later.
    zone
        The IANA zone in which days are days, e.g. Europe/Madrid; UTC if not given.
    region
        The region code of your customers, where you use one.
    model
        Your own model, as MODULE:NAME: attributes, measures, life cycle. The module is run.

    """
    with connected(terminal) as backend:
        stored = backend.stored_model()
    base = stored or Model()
    if model is not None:
        base = _named(model)
    wanted = attrs.evolve(
        base,
        currency=currency or base.currency,
        zone=zone or base.zone,
        region=region or base.region,
    )
    backend = connect(terminal.place, tenant=terminal.tenant, model=wanted)
    try:
        with terminal.progress("Preparing the store"):
            backend.migrate()
    finally:
        backend.close()
    done = "made" if stored is None else "up to date" if stored == wanted else "changed"
    data = {
        "url": terminal.shown_place, "tenant": terminal.tenant, "done": done,
        "currency": wanted.currency, "zone": wanted.zone, "region": wanted.region,
        "stages": [stage.name for stage in wanted.life_cycle.stages],
        "attributes": [attribute.name for attribute in wanted.attributes],
        "measures": [measure.name for measure in wanted.all_measures],
        "programmes": [programme.name for programme in wanted.programmes],
    }  # fmt: skip
    if terminal.json:
        terminal.document(data)
    terminal.say(_sentence(terminal, wanted, done))


def _sentence(terminal: Terminal, model: Model, done: str) -> str:
    first = {
        "made": "The store is ready",
        "changed": "The store follows the changed model",
        "up to date": "The store is up to date",
    }[done]
    own = ""
    if model.attributes:
        own += f", {counted(len(model.attributes), 'attribute')}"
    if model.programmes:
        own += f", {counted(len(model.programmes), 'loyalty programme')}"
    return (
        f"{first}: {terminal.shown_place}, tenant {terminal.tenant}.\n"
        f"Amounts in {model.currency}, days in {model.zone}; "
        f"{counted(len(model.life_cycle.stages), 'stage')}, "
        f"{counted(len(model.all_measures), 'measure')}{own}."
    )


def _named(path: str) -> Model:
    """The model that a module of the host holds."""
    module, _, name = path.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (ImportError, ValueError) as error:
        raise InvalidInput.of("--model", f"cannot be imported: {type(error).__name__}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(found, Model):
        raise InvalidInput.of("--model", "names no crmcore.Model: give MODULE:NAME")
    return found
