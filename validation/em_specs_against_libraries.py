"""Does refvi raise a false alarm on mixtures and hidden Markov models of PyTorch, scikit-learn and hmmlearn?

Each function below is written with the library's own pieces and checked against its spec. A disagreement that was looked
into and is the library's own stands in `LIMITS` with the words that refvi must find; exit code 1 for any other.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import refvi
from validation.records import record

CASES = 60
PADDED = "scikit-learn adds 10 eps to every count, against division by zero"
LIMITS = {
    "digamma": (
        "its error is smooth: an approximation",
        "torch's trigamma, the derivative, is right to about 1e-9 only (a short asymptotic series)",
    ),
    "M step, weights": ("a small constant that was added", PADDED),
    "M step, means": ("a small constant that was added", PADDED),
}


def torch_rows():
    """Values, and gradients by autograd."""
    import torch
    from torch import distributions as td

    def mixture(x, weights, means, cholesky):
        components = td.MultivariateNormal(means, scale_tril=cholesky.tril())
        return td.MixtureSameFamily(td.Categorical(weights), components).log_prob(x)

    def table(weights, log_density):
        return torch.logsumexp(torch.log(weights) + log_density, -1)

    def posterior(weights, log_density):
        return torch.softmax(torch.log(weights) + log_density, -1)

    def chain(initial, transition, log_density):
        alpha = torch.log(initial) + log_density[0]
        for b in log_density[1:]:
            alpha = torch.logsumexp(alpha[:, None] + torch.log(transition), 0) + b
        return torch.logsumexp(alpha, -1)

    def q_function(log_joint, responsibilities):
        return (responsibilities * log_joint).sum(-1)

    def scaled(local_elbo, global_kl, total):
        return total * local_elbo.mean() - global_kl

    def dirichlet(concentration):
        return torch.digamma(concentration) - torch.digamma(concentration.sum(-1, keepdim=True))

    yield "MixtureSameFamily(MultivariateNormal)", "gmm.log_evidence", mixture
    yield "logsumexp", "mixture.log_evidence", table
    yield "softmax", "mixture.responsibilities", posterior
    yield "forward algorithm by logsumexp", "hmm.log_evidence", chain
    yield "expectation", "em.q_function", q_function
    yield "mean times N less KL", "svi.minibatch_objective", scaled
    yield "digamma", "vb.dirichlet_expected_log", dirichlet


def scikit_learn_rows():
    """GaussianMixture with the given parameters; one step of EM with reg_covar=0."""
    from sklearn.mixture import GaussianMixture
    from sklearn.mixture._gaussian_mixture import _estimate_gaussian_parameters

    def covariances(cholesky):
        lower = np.tril(cholesky)
        return lower @ np.swapaxes(lower, 1, 2)

    def given(weights, means, cholesky):
        model = GaussianMixture(len(weights), reg_covar=0.0)
        model.weights_, model.means_, model.covariances_ = weights, means, covariances(cholesky)
        model.precisions_cholesky_ = np.swapaxes(np.linalg.inv(np.tril(cholesky)), 1, 2)
        return model

    def step(x, weights, means, cholesky):
        model = GaussianMixture(
            len(weights),
            reg_covar=0.0,
            tol=0.0,
            max_iter=1,
            weights_init=weights,
            means_init=means,
            precisions_init=np.linalg.inv(covariances(cholesky)),
            init_params="random",
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(x)

    def log_evidence(x, weights, means, cholesky):
        return given(weights, means, cholesky).score_samples(x)

    def responsibilities(x, weights, means, cholesky):
        return given(weights, means, cholesky).predict_proba(x)

    def m_step(x, weights, means, cholesky):
        """Counts, means and covariances; `fit` asks for more data than components, this does not."""
        r = given(weights, means, cholesky).predict_proba(x)
        return _estimate_gaussian_parameters(x, r, 0.0, "full")

    def em_weights(x, weights, means, cholesky):
        return m_step(x, weights, means, cholesky)[0] / len(x)

    def em_means(x, weights, means, cholesky):
        return m_step(x, weights, means, cholesky)[1]

    def em_covariances(x, weights, means, cholesky):
        return step(x, weights, means, cholesky).covariances_

    yield "GaussianMixture.score_samples", "gmm.log_evidence", log_evidence
    yield "GaussianMixture.predict_proba", "gmm.responsibilities", responsibilities
    yield "GaussianMixture.fit, one step", "gmm.em_covariances", em_covariances
    yield "M step, means", "gmm.em_means", em_means
    yield "M step, weights", "gmm.em_weights", em_weights


def hmmlearn_rows():
    """The compiled recursions of hmmlearn, in logs."""
    from hmmlearn import _hmmc

    def forward(initial, transition, log_density):
        with np.errstate(divide="ignore"):
            return _hmmc.forward_log(initial, transition, log_density)[1]

    def log_evidence(initial, transition, log_density):
        with np.errstate(divide="ignore"):
            return _hmmc.forward_log(initial, transition, log_density)[0]

    def backward(transition, log_density):
        return _hmmc.backward_log(np.full(len(transition), 1.0 / len(transition)), transition, log_density)

    def viterbi(initial, transition, log_density):
        with np.errstate(divide="ignore"):
            return _hmmc.viterbi(initial, transition, log_density)[0]

    yield "forward_log, evidence", "hmm.log_evidence", log_evidence
    yield "forward_log, messages", "hmm.forward", forward
    yield "backward_log", "hmm.backward", backward
    yield "viterbi", "hmm.viterbi", viterbi


LIBRARIES = {"torch": torch_rows, "numpy scikit-learn": scikit_learn_rows, "numpy hmmlearn": hmmlearn_rows}


def judge(label, report):
    """PASS, LIMIT where the library's own limit shows and nothing else, ALARM."""
    if report.passed:
        return "PASS"
    words = LIMITS.get(label, (None,))[0]
    return "LIMIT" if words and report.mistake is None and words in report.message else "ALARM"


def main(quick=False):
    """Print the table, write the record; 0 where refvi passes every library."""
    rows = []
    for library, functions in LIBRARIES.items():
        framework, _, name = library.partition(" ")
        for label, spec_id, function in functions():
            report = refvi.check(
                spec_id, function, framework=framework, cases=10 if quick else CASES, name=label
            )
            verdict = judge(label, report)
            rows.append(
                {"library": name or framework, "function": label, "spec": spec_id, "verdict": verdict}
            )
            rows[-1]["worst"] = float(report.worst)
            print(
                f"{name or framework:<13}{label:<40}{spec_id:<28}{verdict:<6} worst {report.worst:.2g} of tolerance"
            )
            if verdict == "ALARM":
                print(report.text())
            if verdict == "LIMIT":
                print(f"{'':<13}{LIMITS[label][1]}")
    return record("em_specs_against_libraries", rows, all(r["verdict"] != "ALARM" for r in rows), quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
