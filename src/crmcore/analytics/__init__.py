"""Customer value and retention: arrays in, frozen results out.

Purchases become one row per customer (`summarize`), rows become a fitted model
(`BetaGeoNBD`, `GammaGamma`), and models answer who is alive, who will buy how often, what each
customer is worth (`lifetime_value`), and who will reach a tier in time
(`probability_of_reaching`). Forecasts are held against what happened: `tracking` over time,
`conditional_expectations` by history, `frequency_histogram`, `calibration` of probabilities, and
`compare_models` side by side.

Customers fall into groups (`KMeans`, `GaussianMixture`) that rules tell apart (`RuleTree`), and
groups are compared (`lift`, `mean_difference`). A model without `Fitted` in its name holds options;
`.fit(...)` returns a new frozen value with what was found. Models with known parameters, such as
published ones, are `BetaGeoNBDProcess` and `GammaGammaSpend`.

Needs the extra `analytics` (numpy, scipy); data frames need `frames`.
"""

from __future__ import annotations

from crmcore.analytics import _requires as _requires  # isort: skip - first, to name the extra

from crmcore.analytics.alive_path import AlivePath, alive_path
from crmcore.analytics.bgnbd import BetaGeoNBD, FittedBetaGeoNBD
from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.calibration import Calibration, calibration
from crmcore.analytics.cluster_choice import ClusterChoice, choose_clusters
from crmcore.analytics.clustering import Clustering
from crmcore.analytics.comparison import ComparedModel, ModelComparison, compare_models
from crmcore.analytics.conditional_expectations import (
    ConditionalExpectations,
    conditional_expectations,
)
from crmcore.analytics.conditional_values import conditional_values
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.forecasts import (
    CountsPurchases,
    ForeseesNewcomers,
    ForeseesPurchases,
    TellsAlive,
)
from crmcore.analytics.frequency_histogram import FrequencyHistogram, frequency_histogram
from crmcore.analytics.frequency_recency import FrequencyRecency, frequency_recency
from crmcore.analytics.gamma_gamma import FittedGammaGamma, GammaGamma
from crmcore.analytics.gamma_gamma_spend import GammaGammaSpend, NoFiniteMean
from crmcore.analytics.gaussian_mixture import FittedGaussianMixture, GaussianMixture
from crmcore.analytics.independence import Independence, independence_check
from crmcore.analytics.intervals import Interval, IntervalOf
from crmcore.analytics.kmeans import FittedKMeans, KMeans
from crmcore.analytics.lifetime_value import LifetimeValue, continuous_rate, lifetime_value
from crmcore.analytics.lifts import Lift, MeanDifference, lift, mean_difference
from crmcore.analytics.likelihood_ratio import LikelihoodRatio, likelihood_ratio_test
from crmcore.analytics.purchase_amounts import PurchaseAmounts
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.reaching import Reaching, probability_of_reaching
from crmcore.analytics.rule_tree import FittedRuleTree, Leaf, RuleTree, Split
from crmcore.analytics.simulation import SimulatedPurchases
from crmcore.analytics.summary import Summary, summarize
from crmcore.analytics.tracking import Tracking, tracking

__all__ = [
    "AlivePath",
    "BetaGeoNBD",
    "BetaGeoNBDProcess",
    "Calibration",
    "ClusterChoice",
    "Clustering",
    "ComparedModel",
    "ConditionalExpectations",
    "CountsPurchases",
    "Estimate",
    "FittedBetaGeoNBD",
    "FittedGammaGamma",
    "FittedGaussianMixture",
    "FittedKMeans",
    "FittedProcess",
    "FittedRuleTree",
    "ForeseesNewcomers",
    "ForeseesPurchases",
    "FrequencyHistogram",
    "FrequencyRecency",
    "GammaGamma",
    "GammaGammaSpend",
    "GaussianMixture",
    "Independence",
    "Interval",
    "IntervalOf",
    "KMeans",
    "Leaf",
    "LifetimeValue",
    "Lift",
    "LikelihoodRatio",
    "MeanDifference",
    "ModelComparison",
    "NoFiniteMean",
    "PurchaseAmounts",
    "PurchaseModel",
    "PurchaseProcess",
    "Reaching",
    "RuleTree",
    "SimulatedPurchases",
    "Split",
    "Summary",
    "TellsAlive",
    "Tracking",
    "alive_path",
    "calibration",
    "choose_clusters",
    "compare_models",
    "conditional_expectations",
    "conditional_values",
    "continuous_rate",
    "frequency_histogram",
    "frequency_recency",
    "independence_check",
    "lifetime_value",
    "lift",
    "likelihood_ratio_test",
    "mean_difference",
    "probability_of_reaching",
    "summarize",
    "tracking",
]
