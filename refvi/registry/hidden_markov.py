"""Evidence for hidden Markov models: sums and maxima over all paths, differences, and every target."""

import itertools
import math

import numpy as np

from refvi.laws import em as em_law
from refvi.laws import gradient as gradient_law
from refvi.laws import model as model_law
from refvi.laws.compare import compare, rounding
from refvi.laws.outcome import combine
from refvi.models import hidden_markov, markov_chain
from refvi.oracles import enumeration
from refvi.oracles import latent_models as oracle
from refvi.registry import latent_cases as cases
from refvi.registry.entry import Entry, Evidence

ALL = ("python", "cpu", "cuda")
SIZE = 1e3  # bound of sum |terms|: at most 14 steps of terms below 50
LENGTHS = (5, 1, 4)


class Exact:
    """Everything about one sequence from all its paths."""

    def __init__(self, theta, x):
        self.states = len(theta.initial_logits)
        self.paths = oracle.all_paths(self.states, len(x))
        initial, transition = oracle.softmax(theta.initial_logits), oracle.softmax(theta.transition_logits)
        density = cases.log_density(theta.emission, x)
        self.log_joint = lambda path: oracle.path_log_joint(path, initial, transition, density)

    def marginals(self):
        """Posterior of every state at every time, and summed posterior of the pairs."""
        return oracle.path_marginals(self.log_joint, self.paths, self.states)

    def best(self):
        """The largest log joint of a path."""
        return oracle.best_path(self.log_joint, self.paths)[0]


def sequences(kind, seed=0):
    """Three sequences, one of them of length one."""
    return [cases.data(kind, count, seed) for count in LENGTHS]


def total(theta, data):
    """Total log evidence."""
    return math.fsum(hidden_markov.log_evidence(theta, data))


def settings(quick):
    """(kind, theta, data) over emissions and seeds."""
    for kind in cases.KINDS:
        for seed in range(1 if quick else 5):
            yield kind, cases.hidden_markov(kind, seed=seed), sequences(kind, seed)


def few(quick, target):
    """Settings, one of them only where the target is a simulator and time is short."""
    return list(itertools.islice(settings(quick), 1 if quick and target == "cuda" else None))


def check_evidence(quick=True, target="python"):
    """Log evidence is the sum over all paths."""
    outcomes = []
    for _, theta, data in few(quick, target):
        for x, value in zip(data, hidden_markov.log_evidence(theta, data, target), strict=True):
            exact = Exact(theta, x)
            outcomes.append(model_law.log_evidence_is_sum(value, exact.log_joint, exact.paths))
    return combine("log evidence is the sum over all paths", outcomes)


def check_posterior(quick=True, target="python"):
    """State and pair posteriors are those of all paths."""
    outcomes = []
    for _, theta, data in few(quick, target):
        exact = [Exact(theta, x).marginals() for x in data]
        for (single, _), states in zip(exact, hidden_markov.posterior(theta, data, target), strict=True):
            outcomes.append(compare("states", single, states, rounding(100.0), "posterior"))
        found = hidden_markov.expect(theta, data, target)[1]
        pairs = sum(pairs for _, pairs in exact)
        outcomes.append(compare("pairs", pairs, found.transitions, rounding(500.0), "pairs"))
    return combine("posterior marginals are those of all paths", outcomes)


def check_forward(quick=True, target="python"):
    """Filtering posteriors are the last marginals of every prefix, the scales its log evidence."""
    outcomes = []
    for _, theta, data in few(quick, target):
        log_filters, log_scales = hidden_markov.forward(theta, data[:1], target)
        for t in range(LENGTHS[0]):
            exact = Exact(theta, data[0][: t + 1])
            last = exact.marginals()[0][-1]
            outcomes.append(compare("filter", last, np.exp(log_filters[0][t]), rounding(100.0), "filter"))
            prefix = enumeration.log_evidence(exact.log_joint, exact.paths).value
            found = math.fsum(log_scales[0][: t + 1])
            outcomes.append(compare("scales", prefix, found, rounding(SIZE), "sum of log scales"))
    return combine("filtering is the posterior of the prefix", outcomes)


def check_viterbi(quick=True, target="python"):
    """The most probable path is the maximum over all paths."""
    outcomes = []
    for _, theta, data in few(quick, target):
        for x, value, path in zip(data, *hidden_markov.viterbi(theta, data, target), strict=True):
            exact = Exact(theta, x)
            outcomes.append(
                em_law.best_path_is_argmax(value, path, exact.log_joint, exact.best(), magnitude=SIZE)
            )
    return combine("the most probable path is the maximum over all paths", outcomes)


def check_gradient(quick=True, _target="python"):
    """The gradient of the log evidence, and of Q with the posterior held fixed, are derivatives."""
    outcomes = []
    for kind, theta, data in settings(quick):
        statistics = hidden_markov.expect(cases.hidden_markov(kind, seed=50), data)[1]
        for value, gradient in (
            (lambda t, d=data: total(t, d), lambda t, d=data: hidden_markov.grad_log_evidence(t, d)[1]),
            (
                lambda t, s=statistics: hidden_markov.q_function(t, s),
                lambda t, s=statistics: hidden_markov.grad_q(t, s),
            ),
        ):
            outcomes.append(gradient_law.gradient_is_derivative(value, gradient, theta, magnitude=SIZE))
    return combine(gradient_law.DERIVATIVE, outcomes)


def check_q(quick=True, _target="python"):
    """Q is the sum over all paths of the posterior under other parameters times the log joint."""
    outcomes = []
    for kind, theta, data in settings(quick):
        other, answers = cases.hidden_markov(kind, seed=50), []
        for x in data:
            new, old = Exact(theta, x), Exact(other, x)
            weights = enumeration.posterior(old.log_joint, old.paths)
            answers.append(oracle.expected_log_joint(weights, new.log_joint, new.paths))
        wanted, size = math.fsum(a.value for a in answers), math.fsum(a.magnitude for a in answers)
        found = hidden_markov.q_function(theta, hidden_markov.expect(other, data)[1])
        outcomes.append(compare("Q", wanted, found, rounding(8 * size), "q_function"))
    return combine("Q is the posterior expectation of the log joint", outcomes)


def check_em(quick=True, target="python"):
    """EM steps: Q stationary, no fall."""
    outcomes = []
    for kind in cases.KINDS:
        for seed in range(1 if quick else 3):
            theta, values = cases.hidden_markov(kind, seed=seed), []
            data = [cases.data(kind, n, seed) for n in (20, 1, 15)]
            for _ in range(4):
                value, statistics = hidden_markov.expect(theta, data, target)
                theta = hidden_markov.maximise(theta, statistics, target)
                outcomes.append(em_law.is_stationary(hidden_markov.grad_q(theta, statistics, target), 1e4))
                values.append(value)
            outcomes.append(em_law.never_decreases(values, 1e4))
    return combine("EM: Q is stationary after each step, the log evidence never falls", outcomes)


def check_relabelling(quick=True, target="python"):
    """All orders of the states."""
    outcomes = []
    for _, theta, data in settings(quick):
        outcomes.append(
            em_law.relabelling(
                lambda t, d=data: hidden_markov.log_evidence(t, d, target),
                cases.relabel_hidden_markov,
                theta,
                list(itertools.permutations(range(3))),
                SIZE,
            )
        )
    return combine("relabelling the states changes nothing", outcomes)


ENTRIES = [
    Entry("models.hidden_markov", "model", "S5", hidden_markov),
    Entry("models.markov_chain", "kernel", "S5", markov_chain),
    Entry("models.hidden_markov.log_evidence", "model", "S5", hidden_markov.log_evidence),
    Entry("models.hidden_markov.posterior", "model", "S5", hidden_markov.posterior),
    Entry("models.hidden_markov.forward", "model", "S5", hidden_markov.forward),
    Entry("models.hidden_markov.viterbi", "algorithm", "S5", hidden_markov.viterbi),
    Entry("models.hidden_markov.grad_log_evidence", "model", "S5", hidden_markov.grad_log_evidence),
    Entry("models.hidden_markov.q_function", "objective", "S5", hidden_markov.q_function),
    Entry("models.hidden_markov.maximise", "algorithm", "S5", hidden_markov.maximise),
]

DIFFERENCES = "4 times the differences' own error estimate"


def _row(name, words, tolerance, run, targets=("python",)):
    return Evidence("S5", f"models.hidden_markov.{name}", words, tolerance, run, targets)


EVIDENCE = [
    _row("log_evidence", "it is the sum over all paths", "8·u·S", check_evidence, ALL),
    _row("log_evidence", "relabelling the states changes nothing", "8·u·S", check_relabelling),
    _row("posterior", "states and pairs are those of all paths", "8·u·S", check_posterior, ALL),
    _row("forward", "filtering is the posterior of the prefix", "8·u·S", check_forward, ALL),
    _row("viterbi", "it is the maximum over all paths", "8·u·S", check_viterbi, ALL),
    _row("grad_log_evidence", "gradient is the derivative", DIFFERENCES, check_gradient),
    _row("q_function", "it is the posterior expectation of the log joint", "8·u·S", check_q),
    _row("maximise", "Q is stationary, the log evidence never falls", "8·u·S", check_em, ("python", "cpu")),
]
