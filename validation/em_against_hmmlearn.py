"""Do hidden Markov models agree with hmmlearn? Score, posteriors, the most probable path, and EM step after step.

Categorical and Gaussian emissions (full, tied, diagonal), several sequences of unequal length, both of hmmlearn's
implementations ("log" and "scaling"). At each of `STEPS` steps both sides start from the same parameters; hmmlearn
without its default priors on covariances. Tolerance: `FACTOR` u times the sum of absolute terms (N steps of the size of the
largest log density), times the largest condition number of a covariance where one is solved with. Where the most probable
path differs, both must have the same log joint: a tie (the same factors in another order), decided by rounding.
"""

import itertools
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from refvi.models import hidden_markov
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.diagonal_normal_emission import DiagonalNormalEmission
from refvi.models.emissions import emission_functions
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.normal_emission import NormalEmission
from refvi.oracles import latent_models
from validation.records import record

STEPS, FACTOR, U = 8, 64.0, 2.0**-53
LENGTHS = (40, 1, 25, 60)
KINDS = ("categorical", "full", "tied", "diagonal")


def probabilities(logits):
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def start(kind, seed, states=3):
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    if kind == "categorical":
        emission = CategoricalEmission(rng.normal(size=(states, 1, 5)))
    elif kind == "diagonal":
        emission = DiagonalNormalEmission(rng.normal(size=(states, 2)), 0.3 * rng.normal(size=(states, 2)))
    else:
        count = 1 if kind == "tied" else states
        lower = np.tril(0.4 * rng.normal(size=(count, 2, 2)), -1)
        emission = NormalEmission(
            rng.normal(size=(states, 2)), lower + np.eye(2) * rng.uniform(0.7, 1.4, (count, 2, 1))
        )
    return HiddenMarkov(rng.normal(size=states), rng.normal(size=(states, states)), emission)


def data(kind, seed):
    """A slow chain, so that the states are worth finding."""
    rng = np.random.default_rng([seed, 9])
    parts = []
    for length in LENGTHS:
        z = np.cumsum(rng.uniform(size=length) < 0.15) % 3
        if kind == "categorical":
            parts.append(((z + rng.integers(0, 3, length)) % 5)[:, None])
        else:
            parts.append(2.0 * z[:, None] + rng.normal(size=(length, 2)))
    return hidden_markov.sequences(parts)


def covariances(theta, kind):
    if kind == "diagonal":
        return np.exp(theta.emission.log_var)
    full = theta.emission.cholesky @ np.swapaxes(theta.emission.cholesky, 1, 2)
    return full[0] if kind == "tied" else full


def theirs(theta, kind, implementation):
    """hmmlearn with the same parameters."""
    from hmmlearn.hmm import CategoricalHMM, GaussianHMM

    states = len(theta.initial_logits)
    common = {
        "n_components": states,
        "n_iter": 1,
        "tol": 0.0,
        "init_params": "",
        "implementation": implementation,
    }
    if kind == "categorical":
        model = CategoricalHMM(n_features=5, **common)
        model.emissionprob_ = probabilities(theta.emission.logits)[:, 0]
    else:
        model = GaussianHMM(
            covariance_type="diag" if kind == "diagonal" else kind,
            min_covar=0.0,
            covars_prior=0.0,
            covars_weight=0.0,
            means_prior=0.0,
            means_weight=0.0,
            **common,
        )
        model.means_ = theta.emission.means
        model.covars_ = covariances(theta, kind)
    model.startprob_, model.transmat_ = (
        probabilities(theta.initial_logits),
        probabilities(theta.transition_logits),
    )
    return model


def emission_arrays(model, kind):
    if kind == "categorical":
        return {"emission": model.emissionprob_}
    covars = model.covars_
    covars = (
        np.diagonal(covars, axis1=1, axis2=2)
        if kind == "diagonal"
        else covars[0]
        if kind == "tied"
        else covars
    )
    return {"means": model.means_, "covariances": covars}


def ours_after(theta, kind):
    found = {
        "initial": probabilities(theta.initial_logits),
        "transition": probabilities(theta.transition_logits),
    }
    if kind == "categorical":
        return {**found, "emission": probabilities(theta.emission.logits)[:, 0]}
    return {**found, "means": theta.emission.means, "covariances": covariances(theta, kind)}


def log_joint(theta, given, path):
    """Log joint of all sequences with their paths, factor by factor, correctly rounded."""
    emission = emission_functions(theta.emission).log_density(theta.emission, given.x)
    initial, transition = probabilities(theta.initial_logits), probabilities(theta.transition_logits)
    cuts = given.offsets[1:-1]
    parts = zip(np.split(path, cuts), np.split(emission, cuts), strict=True)
    return math.fsum(latent_models.path_log_joint(z, initial, transition, b) for z, b in parts)


def compare(kind, implementation, seed, steps):
    """The largest difference over its tolerance, by quantity."""
    theta, given, worst, ties = start(kind, seed), data(kind, seed), {}, 0
    lengths = np.diff(given.offsets)
    for _ in range(steps):
        model = theirs(theta, kind, implementation)
        value, statistics = hidden_markov.expect(theta, given, target="cpu")
        size = len(given.x) * (1 + abs(value) / len(given.x))
        if kind != "categorical":
            C = covariances(theta, kind)
            size *= (C.max(1) / C.min(1)).max() if kind == "diagonal" else np.linalg.cond(C).max()
        tolerance = FACTOR * U * size

        def note(name, mine, other, tolerance=tolerance):
            gap = float(np.abs(np.asarray(mine) - np.asarray(other)).max()) / tolerance
            worst[name] = max(worst.get(name, 0.0), gap)

        note("score", value, model.score(given.x, lengths))
        note(
            "posterior",
            np.concatenate(hidden_markov.posterior(theta, given, target="cpu")),
            model.predict_proba(given.x, lengths),
        )
        best, paths = hidden_markov.viterbi(theta, given, target="cpu")
        their_best, their_path = model.decode(given.x, lengths)
        note("viterbi", np.sum(best), their_best)
        joined = np.concatenate(paths)
        ties = max(ties, int(np.sum(joined != their_path)))
        note("paths", log_joint(theta, given, joined), log_joint(theta, given, their_path))
        model.fit(given.x, lengths)
        theta = hidden_markov.maximise(theta, statistics, target="cpu")
        after = {"initial": model.startprob_, "transition": model.transmat_, **emission_arrays(model, kind)}
        for name, mine in ours_after(theta, kind).items():
            note(name, mine, after[name])
    return worst, ties, value


def main(quick=False):
    """Print the table, write the record; 0 where nothing disagrees."""
    rows = []
    for kind, implementation in itertools.product(KINDS, ("log", "scaling")):
        for seed in range(1 if quick else 5):
            worst, ties, value = compare(kind, implementation, seed, 2 if quick else STEPS)
            rows.append(
                {"emission": kind, "implementation": implementation, "seed": seed, "log_evidence": value}
            )
            rows[-1].update(worst=worst, tied_steps=ties)
            shown = "  ".join(f"{k} {v:.2g}" for k, v in worst.items())
            print(
                f"{kind:<12} {implementation:<8} seed {seed}  log evidence {value:.6f}  {shown}  tied steps {ties}"
            )
    return record(
        "em_against_hmmlearn", rows, all(v <= 1.0 for r in rows for v in r["worst"].values()), quick
    )


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
