"""Customer value and retention: arrays in, frozen results out.

Purchases become one row per customer (`summarize`), rows become a fitted model
(`BetaGeoNBD`, `ParetoNBD`, `GammaGamma`), and models answer who is alive, who will buy how often,
what each customer is worth (`lifetime_value`), and who will reach a tier in time
(`probability_of_reaching`); `calibration` holds such forecasts against what happened. Customers
fall into groups (`KMeans`, `GaussianMixture`) that rules tell apart (`RuleTree`), and groups are
compared (`lift`, `mean_difference`). A model without `Fitted` in its name holds options;
`.fit(...)` returns a new frozen value with what was found. Models with known parameters, such as
published ones, are `BetaGeoNBDProcess`, `ParetoNBDProcess` and `GammaGammaSpend`.

Needs the extra `analytics` (numpy, scipy); data frames need `frames`.
"""

from __future__ import annotations

from crmcore.analytics import _requires as _requires  # isort: skip - first, to name the extra

from crmcore.analytics.bgnbd import BetaGeoNBD, FittedBetaGeoNBD
from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.calibration import Calibration, calibration
from crmcore.analytics.cluster_choice import ClusterChoice, choose_clusters
from crmcore.analytics.clustering import Clustering
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.gamma_gamma import FittedGammaGamma, GammaGamma
from crmcore.analytics.gamma_gamma_spend import GammaGammaSpend, NoFiniteMean
from crmcore.analytics.gamma_gompertz_nbd import FittedGammaGompertzNBD, GammaGompertzNBD
from crmcore.analytics.gamma_gompertz_nbd_process import GammaGompertzNBDProcess
from crmcore.analytics.gaussian_mixture import FittedGaussianMixture, GaussianMixture
from crmcore.analytics.independence import Independence, independence_check
from crmcore.analytics.intervals import Interval, IntervalOf
from crmcore.analytics.kmeans import FittedKMeans, KMeans
from crmcore.analytics.lifetime_value import LifetimeValue, continuous_rate, lifetime_value
from crmcore.analytics.lifts import Lift, MeanDifference, lift, mean_difference
from crmcore.analytics.pareto_nbd import FittedParetoNBD, ParetoNBD
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess
from crmcore.analytics.purchase_amounts import PurchaseAmounts
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.reaching import Reaching, probability_of_reaching
from crmcore.analytics.rule_tree import FittedRuleTree, Leaf, RuleTree, Split
from crmcore.analytics.simulation import SimulatedPurchases
from crmcore.analytics.summary import Summary, summarize

__all__ = [
    "BetaGeoNBD",
    "BetaGeoNBDProcess",
    "Calibration",
    "ClusterChoice",
    "Clustering",
    "Estimate",
    "FittedBetaGeoNBD",
    "FittedGammaGamma",
    "FittedGammaGompertzNBD",
    "FittedGaussianMixture",
    "FittedKMeans",
    "FittedParetoNBD",
    "FittedProcess",
    "FittedRuleTree",
    "GammaGamma",
    "GammaGammaSpend",
    "GammaGompertzNBD",
    "GammaGompertzNBDProcess",
    "GaussianMixture",
    "Independence",
    "Interval",
    "IntervalOf",
    "KMeans",
    "Leaf",
    "LifetimeValue",
    "Lift",
    "MeanDifference",
    "NoFiniteMean",
    "ParetoNBD",
    "ParetoNBDProcess",
    "PurchaseAmounts",
    "PurchaseModel",
    "PurchaseProcess",
    "Reaching",
    "RuleTree",
    "SimulatedPurchases",
    "Split",
    "Summary",
    "calibration",
    "choose_clusters",
    "continuous_rate",
    "independence_check",
    "lifetime_value",
    "lift",
    "mean_difference",
    "probability_of_reaching",
    "summarize",
]
