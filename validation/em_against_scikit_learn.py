"""Does EM for Gaussian mixtures go the path that scikit-learn goes? Real tables, every covariance, step after step.

At each of `STEPS` steps both sides start from the same parameters: log evidence and responsibilities of every datum, then
one EM step (scikit-learn with reg_covar=0). The tolerance is what a stable solver may lose, `FACTOR` u times the largest
condition number of a covariance times the size of the numbers. Exit code 1 on the first disagreement.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from refvi.models import mixture
from refvi.models.diagonal_normal_emission import DiagonalNormalEmission
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from validation.records import record

STEPS, FACTOR, U = 15, 64.0, 2.0**-53
KINDS = {"full": "full", "tied": "tied", "diagonal": "diag"}


def tables(quick):
    """Standardised tables that ship with scikit-learn, and the first eight principal components of the digits."""
    from sklearn import datasets
    from sklearn.decomposition import PCA

    found = {
        "iris": (datasets.load_iris().data, 3),
        "wine": (datasets.load_wine().data, 3),
        "breast cancer, 10 means": (datasets.load_breast_cancer().data[:, :10], 2),
        "digits, 8 components": (PCA(8, random_state=0).fit_transform(datasets.load_digits().data), 10),
    }
    if quick:
        found = {"iris": found["iris"]}
    return {name: ((x - x.mean(0)) / x.std(0), K) for name, (x, K) in found.items()}


def start(kind, x, K, seed=0):
    """Random data as means, the covariance of all data for everyone."""
    rng = np.random.default_rng(seed)
    means = x[rng.choice(len(x), K, replace=False)]
    covariance = np.cov(x.T, bias=True)
    if kind == "diagonal":
        return Mixture(
            np.zeros(K), DiagonalNormalEmission(means, np.tile(np.log(np.diag(covariance)), (K, 1)))
        )
    factor = np.linalg.cholesky(covariance)
    return Mixture(np.zeros(K), NormalEmission(means, np.tile(factor, (1 if kind == "tied" else K, 1, 1))))


def covariances(theta, kind):
    """As scikit-learn keeps them: (K, D, D), (D, D) or (K, D)."""
    if kind == "diagonal":
        return np.exp(theta.emission.log_var)
    full = theta.emission.cholesky @ np.swapaxes(theta.emission.cholesky, 1, 2)
    return full[0] if kind == "tied" else full


def weights(theta):
    w = np.exp(theta.mixing_logits - theta.mixing_logits.max())
    return w / w.sum()


def theirs(theta, kind, x):
    """scikit-learn at the same parameters: log evidence, responsibilities, and the parameters one step later."""
    from sklearn.mixture import GaussianMixture

    C, options = covariances(theta, kind), {"covariance_type": KINDS[kind], "reg_covar": 0.0}
    given = GaussianMixture(len(theta.mixing_logits), **options)
    given.weights_, given.means_, given.covariances_ = weights(theta), theta.emission.means, C
    given.precisions_cholesky_ = precision_factors(theta, kind)
    step = GaussianMixture(
        len(theta.mixing_logits),
        tol=0.0,
        max_iter=1,
        weights_init=given.weights_,
        means_init=given.means_,
        precisions_init=1 / C if kind == "diagonal" else np.linalg.inv(C),
        init_params="random",
        random_state=0,
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one step does not converge
        step.fit(x)
    return given.score_samples(x), given.predict_proba(x), (step.weights_, step.means_, step.covariances_)


def precision_factors(theta, kind):
    """What scikit-learn calls precisions_cholesky_: U with Sigma⁻¹ = U Uᵀ, reciprocal deviations where diagonal."""
    if kind == "diagonal":
        return np.exp(-0.5 * theta.emission.log_var)
    factors = np.swapaxes(np.linalg.inv(theta.emission.cholesky), 1, 2)
    return factors[0] if kind == "tied" else factors


def condition(theta, kind):
    C = covariances(theta, kind)
    if kind == "diagonal":
        return float((C.max(1) / C.min(1)).max())
    return float(np.linalg.cond(C).max())


def compare(kind, x, K, steps):
    """The largest difference over its tolerance along the path, and the log evidence at its end."""
    theta, worst = start(kind, x, K), 0.0
    for _ in range(steps):
        value, statistics = mixture.expect(theta, x, target="cpu")
        ours = mixture.log_evidence(theta, x, target="cpu")
        here, responsibilities, after = theirs(theta, kind, x)
        tolerance = FACTOR * U * condition(theta, kind)
        worst = max(worst, float((np.abs(ours - here) / (tolerance * (1 + np.abs(here)))).max()))
        gap = np.abs(mixture.posterior(theta, x, target="cpu") - responsibilities)
        worst = max(worst, float((gap / (tolerance * (1 + np.abs(here)[:, None]))).max()))
        theta = mixture.maximise(theta, statistics, target="cpu")
        size = 1 + np.abs(here).max() + np.abs(x).max() ** 2
        for mine, other in zip(
            (weights(theta), theta.emission.means, covariances(theta, kind)), after, strict=True
        ):
            worst = max(worst, float(np.abs(mine - other).max() / (tolerance * size)))
    return worst, value


def main(quick=False):
    """Print the table, write the record; 0 where nothing disagrees."""
    rows = []
    for name, (x, K) in tables(quick).items():
        for kind in KINDS:
            worst, value = compare(kind, x, K, 3 if quick else STEPS)
            rows.append(
                {"data": name, "covariance": kind, "N": len(x), "worst": worst, "log_evidence": value}
            )
            print(
                f"{name:<26} {kind:<9} N={len(x):<5} K={K:<3} worst {worst:.3g} of tolerance   log evidence {value:.6f}"
            )
    return record("em_against_scikit_learn", rows, all(r["worst"] <= 1.0 for r in rows), quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
