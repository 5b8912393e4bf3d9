"""The MBG/NBD process: as BG/NBD, but a customer may also leave right after the first purchase.

Batislam, Denizel and Filiztekin (2007), Empirical validation and comparison of models for
customer base analysis; Wagner and Hoppe (2008), Erratum on the MBG/NBD model; both in the
International Journal of Research in Marketing.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from crmcore.analytics.beta_geometric import BetaGeometricProcess

__all__ = ["ModifiedBetaGeoNBDProcess"]


@attrs.frozen(kw_only=True)
class ModifiedBetaGeoNBDProcess(BetaGeometricProcess):
    """The MBG/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates;
    `a` and `b` shape the beta distribution of the probability to leave after a purchase. The
    first purchase counts too, so that a customer with x repeat purchases has had x + 1
    occasions: where BG/NBD has b + x, this has b + x + 1. So customers who never came back may
    be gone: the odds are a / b (1 + T / alpha)**r. Expectations hold at a = 1 too and for any
    counts; they are quadratures of twelve digits, as for `BetaGeoNBDProcess`.

        >>> process = ModifiedBetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
        >>> float(process.probability_alive(frequency=0, recency=0, T=1))  # odds of leaving 2
        0.3333333333333333
        >>> round(float(process.probability_of_n(n=0, t=1)), 9)  # 1/2 gone, 1/4 waiting
        0.75
    """

    _first: ClassVar[int] = 1
