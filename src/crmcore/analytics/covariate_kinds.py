"""Where covariates act in each model: on the scale of purchase rates, and on that of dropout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from crmcore.analytics.bgnbd import BetaGeoNBD
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.bgnbd_rows import BetaGeoNBDRows
from crmcore.analytics.covariate_design import Part
from crmcore.analytics.covariate_likelihood import Together
from crmcore.analytics.fitting import Startable
from crmcore.analytics.histories import Cells
from crmcore.analytics.mbgnbd import ModifiedBetaGeoNBD
from crmcore.analytics.mbgnbd_process import ModifiedBetaGeoNBDProcess
from crmcore.analytics.pareto_nbd import ParetoNBD
from crmcore.analytics.pareto_nbd_likelihood import ParetoNBDLikelihood
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess
from crmcore.analytics.pareto_nbd_rows import ParetoNBDRows
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.domain.errors import InvalidInput

__all__ = ["KINDS", "Kind", "Model", "kind_of"]

Model: TypeAlias = BetaGeoNBD | ModifiedBetaGeoNBD | ParetoNBD


@attrs.frozen
class Kind:
    """A model that covariates can act on; `scales` name the parameter that each part divides.

    The rates of purchases are Gamma(r, alpha) and those of leaving Gamma(s, beta): dividing alpha
    or beta by a factor multiplies everybody's rate by it. Beta(a, b) has no scale, but where
    dropout is rare it is close to Gamma(a, b), and dividing b multiplies the odds a / b of the
    mean dropout by the factor.
    """

    parameters: tuple[str, ...]
    process: type[Any]
    likelihood: Callable[[Cells], Startable]
    together: Callable[[Cells], Together]
    scales: Mapping[Part, str]


_BETA: Mapping[Part, str] = MappingProxyType({"purchases": "alpha", "dropout": "b"})
_NAMES = ("r", "alpha", "a", "b")

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "BetaGeoNBD": Kind(
            _NAMES, BetaGeoNBDProcess, BetaGeoNBDLikelihood.of, BetaGeoNBDRows, _BETA
        ),
        "ModifiedBetaGeoNBD": Kind(
            _NAMES,
            ModifiedBetaGeoNBDProcess,
            partial(BetaGeoNBDLikelihood.of, first=1),
            partial(BetaGeoNBDRows, first=1),
            _BETA,
        ),
        "ParetoNBD": Kind(
            ("r", "alpha", "s", "beta"),
            ParetoNBDProcess,
            ParetoNBDLikelihood.of,
            ParetoNBDRows,
            MappingProxyType({"purchases": "alpha", "dropout": "beta"}),
        ),
    }
)


def kind_of(process: PurchaseProcess) -> str:
    """The name in `KINDS` of what this is a process of; InvalidInput where it is none of them."""
    for name, kind in KINDS.items():
        if isinstance(process, kind.process):
            return name
    raise InvalidInput.of("baseline", f"must be a process of {', '.join(KINDS)}")
