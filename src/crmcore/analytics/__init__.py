"""Customer value and retention: arrays in, frozen results out.

Purchases become one row per customer (`summarize`), rows become a fitted model
(`BetaGeoNBD`, `ParetoNBD`, `GammaGamma`), and models answer who is alive, who will buy how often,
what each customer is worth (`lifetime_value`), and who will reach a tier in time
(`probability_of_reaching`). Traits of customers enter by `WithCovariates`. Forecasts are held
against what happened: `tracking` over time, `conditional_expectations` by history,
`frequency_histogram`, `calibration` of probabilities, and `compare_models` side by side.

Where customers can buy at certain occasions only, `BetaGeoBetaBinom` takes the place of models in
continuous time; for contracts, which are known to end, there are `ShiftedBetaGeometric` and
`BetaDiscreteWeibull`.

Customers fall into groups (`KMeans`, `GaussianMixture`) that rules tell apart (`RuleTree`), and
groups are compared (`lift`, `mean_difference`). A model without `Fitted` in its name holds options;
`.fit(...)` returns a new frozen value with what was found. Models with known parameters, such as
published ones, are `BetaGeoNBDProcess`, `ParetoNBDProcess` and `GammaGammaSpend`.

Needs the extra `analytics` (numpy, scipy); data frames need `frames`.
"""

from __future__ import annotations

from crmcore.analytics import _requires as _requires  # isort: skip - first, to name the extra

from crmcore.analytics.alive_path import AlivePath, alive_path
from crmcore.analytics.beta_discrete_weibull import (
    BetaDiscreteWeibull,
    BetaDiscreteWeibullProcess,
    FittedBetaDiscreteWeibull,
)
from crmcore.analytics.bgbb import BetaGeoBetaBinom, FittedBetaGeoBetaBinom
from crmcore.analytics.bgbb_process import BetaGeoBetaBinomProcess
from crmcore.analytics.bgnbd import BetaGeoNBD, FittedBetaGeoNBD
from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.calibration import Calibration, calibration
from crmcore.analytics.cluster_choice import ClusterChoice, choose_clusters
from crmcore.analytics.clustering import Clustering
from crmcore.analytics.cnbd import (
    BetaGeoCNBD,
    FittedBetaGeoCNBD,
    FittedModifiedBetaGeoCNBD,
    ModifiedBetaGeoCNBD,
)
from crmcore.analytics.cnbd_process import BetaGeoCNBDProcess, ModifiedBetaGeoCNBDProcess
from crmcore.analytics.comparison import ComparedModel, ModelComparison, compare_models
from crmcore.analytics.conditional_expectations import (
    ConditionalExpectations,
    conditional_expectations,
)
from crmcore.analytics.conditional_values import conditional_values
from crmcore.analytics.covariate_design import Effect
from crmcore.analytics.covariates import WithCovariates
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitted_with_covariates import FittedWithCovariates
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
from crmcore.analytics.gamma_gompertz_nbd import FittedGammaGompertzNBD, GammaGompertzNBD
from crmcore.analytics.gamma_gompertz_nbd_process import GammaGompertzNBDProcess
from crmcore.analytics.gaussian_mixture import FittedGaussianMixture, GaussianMixture
from crmcore.analytics.independence import Independence, independence_check
from crmcore.analytics.intervals import Interval, IntervalOf
from crmcore.analytics.kmeans import FittedKMeans, KMeans
from crmcore.analytics.lifetime_value import LifetimeValue, continuous_rate, lifetime_value
from crmcore.analytics.lifts import Lift, MeanDifference, lift, mean_difference
from crmcore.analytics.likelihood_ratio import LikelihoodRatio, likelihood_ratio_test
from crmcore.analytics.mbgnbd import FittedModifiedBetaGeoNBD, ModifiedBetaGeoNBD
from crmcore.analytics.mbgnbd_process import ModifiedBetaGeoNBDProcess
from crmcore.analytics.nbd import NBD, FittedNBD
from crmcore.analytics.nbd_process import NBDProcess
from crmcore.analytics.occasions import OccasionSummary, summarize_occasions
from crmcore.analytics.pareto_nbd import FittedParetoNBD, ParetoNBD
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess
from crmcore.analytics.process_of_each import ProcessOfEach
from crmcore.analytics.process_with_covariates import ProcessWithCovariates
from crmcore.analytics.purchase_amounts import PurchaseAmounts
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.reaching import Reaching, probability_of_reaching
from crmcore.analytics.renewals import survivors_of
from crmcore.analytics.retention_fitting import FittedRetention, RetentionModel
from crmcore.analytics.retention_process import RetentionProcess, SimulatedContracts
from crmcore.analytics.rule_tree import FittedRuleTree, Leaf, RuleTree, Split
from crmcore.analytics.shifted_beta_geometric import (
    FittedShiftedBetaGeometric,
    ShiftedBetaGeometric,
    ShiftedBetaGeometricProcess,
)
from crmcore.analytics.simulation import SimulatedPurchases
from crmcore.analytics.summary import Summary, summarize
from crmcore.analytics.tracking import Tracking, tracking

__all__ = [
    "NBD",
    "AlivePath",
    "BetaDiscreteWeibull",
    "BetaDiscreteWeibullProcess",
    "BetaGeoBetaBinom",
    "BetaGeoBetaBinomProcess",
    "BetaGeoCNBD",
    "BetaGeoCNBDProcess",
    "BetaGeoNBD",
    "BetaGeoNBDProcess",
    "Calibration",
    "ClusterChoice",
    "Clustering",
    "ComparedModel",
    "ConditionalExpectations",
    "CountsPurchases",
    "Effect",
    "Estimate",
    "FittedBetaDiscreteWeibull",
    "FittedBetaGeoBetaBinom",
    "FittedBetaGeoCNBD",
    "FittedBetaGeoNBD",
    "FittedGammaGamma",
    "FittedGammaGompertzNBD",
    "FittedGaussianMixture",
    "FittedKMeans",
    "FittedModifiedBetaGeoCNBD",
    "FittedModifiedBetaGeoNBD",
    "FittedNBD",
    "FittedParetoNBD",
    "FittedProcess",
    "FittedRetention",
    "FittedRuleTree",
    "FittedShiftedBetaGeometric",
    "FittedWithCovariates",
    "ForeseesNewcomers",
    "ForeseesPurchases",
    "FrequencyHistogram",
    "FrequencyRecency",
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
    "LikelihoodRatio",
    "MeanDifference",
    "ModelComparison",
    "ModifiedBetaGeoCNBD",
    "ModifiedBetaGeoCNBDProcess",
    "ModifiedBetaGeoNBD",
    "ModifiedBetaGeoNBDProcess",
    "NBDProcess",
    "NoFiniteMean",
    "OccasionSummary",
    "ParetoNBD",
    "ParetoNBDProcess",
    "ProcessOfEach",
    "ProcessWithCovariates",
    "PurchaseAmounts",
    "PurchaseModel",
    "PurchaseProcess",
    "Reaching",
    "RetentionModel",
    "RetentionProcess",
    "RuleTree",
    "ShiftedBetaGeometric",
    "ShiftedBetaGeometricProcess",
    "SimulatedContracts",
    "SimulatedPurchases",
    "Split",
    "Summary",
    "TellsAlive",
    "Tracking",
    "WithCovariates",
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
    "summarize_occasions",
    "survivors_of",
    "tracking",
]
