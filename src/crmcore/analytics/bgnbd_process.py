"""The BG/NBD process: customers who buy at random and may leave after any purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way. While a customer is
alive, purchases come at the rate lambda; after each of them the customer leaves for good with
probability p; over customers lambda is Gamma(r, alpha) and p is Beta(a, b). All times are in
one unit, that of the data to which the parameters belong.
"""

from __future__ import annotations

import attrs

from crmcore.analytics.beta_geometric import BetaGeometricProcess

__all__ = ["BetaGeoNBDProcess"]


@attrs.frozen(kw_only=True)
class BetaGeoNBDProcess(BetaGeometricProcess):
    """The BG/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha; `a` and `b` shape the beta distribution of dropout probabilities,
    with mean a / (a + b).

    In the paper: equation 6 is the likelihood; 8, P(X(t) = n), with r + x, alpha + T and b + x
    for r, alpha and b holds of the future of those alive, too; 9 is E[X(t)]. Equation 10, the
    expectation given a history, is not computed by its hypergeometric function but as the mean
    that it stands for, P(alive) E[(1 - (1 + p t / (alpha + T))**-(r+x)) / p] over
    p ~ Beta(a, b + x), which holds at a = 1 too and for any counts. P(alive) is that of Fader,
    Hardie and Lee (2008): customers who never came back have had no occasion to leave, so
    theirs is 1. Discounting has no closed form: it is a quadrature to about ten digits.

        >>> process = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(process.expected_purchases(
        ...     t=39, frequency=2, recency=30.43, T=38.86)), 3)
        1.226
    """
