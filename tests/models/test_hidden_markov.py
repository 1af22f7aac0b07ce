"""Hidden Markov models against sums and maxima over all paths (S = 3, T = 5: 243 paths), and over very long sequences."""

import itertools
import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.laws import em as em_law
from refvi.laws import gradient as gradient_law
from refvi.laws import model as model_law
from refvi.laws.compare import compare, rounding
from refvi.models import hidden_markov, mixture
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.mixture import Mixture
from refvi.oracles import enumeration
from refvi.oracles import latent_models as oracle
from refvi.registry import latent_cases as cases

SIZE = 1e3  # bound of sum |terms|: at most 14 steps of terms below 50
LENGTHS = (5, 1, 4)


def sequences(kind, seed=0):
    return [cases.data(kind, count, seed) for count in LENGTHS]


class Exact:
    """Everything about one sequence from all its paths."""

    def __init__(self, theta, x):
        self.states = len(theta.initial_logits)
        self.paths = oracle.all_paths(self.states, len(x))
        initial, transition = oracle.softmax(theta.initial_logits), oracle.softmax(theta.transition_logits)
        density = cases.log_density(theta.emission, x)
        self.log_joint = lambda path: oracle.path_log_joint(path, initial, transition, density)

    def marginals(self):
        return oracle.path_marginals(self.log_joint, self.paths, self.states)

    def best(self):
        return oracle.best_path(self.log_joint, self.paths)[0]


def total(theta, data):
    return math.fsum(hidden_markov.log_evidence(theta, data))


def wrt(theta):
    return ["initial_logits", "transition_logits", *(f"emission.{name}" for name in theta.emission._fields)]


@pytest.mark.parametrize("kind", cases.KINDS)
def test_log_evidence_is_the_sum_over_all_paths(kind):
    theta, data = cases.hidden_markov(kind), sequences(kind)
    for x, value in zip(data, hidden_markov.log_evidence(theta, data), strict=True):
        exact = Exact(theta, x)
        outcome = model_law.log_evidence_is_sum(value, exact.log_joint, exact.paths)
        assert outcome.holds, outcome.message


@pytest.mark.parametrize("kind", cases.KINDS)
def test_posterior_marginals_are_those_of_all_paths(kind):
    theta, data = cases.hidden_markov(kind), sequences(kind)
    transitions = np.zeros((3, 3))
    for x, states in zip(data, hidden_markov.posterior(theta, data), strict=True):
        single, pairs = Exact(theta, x).marginals()
        outcome = compare("marginals", single, states, rounding(100.0), "posterior")
        assert outcome.holds, outcome.message
        transitions += pairs
    found = hidden_markov.expect(theta, data)[1]
    outcome = compare("pairs", transitions, found.transitions, rounding(500.0), "pairs")
    assert outcome.holds, outcome.message
    starts = sum(Exact(theta, x).marginals()[0][0] for x in data)
    assert compare("starts", starts, found.initial, rounding(500.0)).holds


@pytest.mark.parametrize("kind", cases.KINDS)
def test_filtering_is_the_posterior_of_the_prefix(kind):
    theta, x = cases.hidden_markov(kind), cases.data(kind, 5)
    (log_filter,), (log_scale,) = hidden_markov.forward(theta, [x])
    for t in range(5):
        exact = Exact(theta, x[: t + 1])
        last = exact.marginals()[0][-1]
        assert compare("filter", last, np.exp(log_filter[t]), rounding(100.0)).holds
        prefix = enumeration.log_evidence(exact.log_joint, exact.paths).value
        assert compare("scales", prefix, math.fsum(log_scale[: t + 1]), rounding(SIZE)).holds


@pytest.mark.parametrize("kind", cases.KINDS)
def test_viterbi_is_the_maximum_over_all_paths(kind):
    for seed in range(5):
        theta, data = cases.hidden_markov(kind, seed=seed), sequences(kind, seed)
        for x, value, path in zip(data, *hidden_markov.viterbi(theta, data), strict=True):
            exact = Exact(theta, x)
            outcome = em_law.best_path_is_argmax(value, path, exact.log_joint, exact.best(), magnitude=SIZE)
            assert outcome.holds, outcome.message


def test_ties_go_to_the_smaller_state():
    theta = HiddenMarkov(np.zeros(2), np.zeros((2, 2)), CategoricalEmission(np.zeros((2, 1, 3))))
    assert hidden_markov.viterbi(theta, [[0, 1, 2]])[1][0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", cases.KINDS)
def test_gradients(kind):
    theta, other, data = cases.hidden_markov(kind), cases.hidden_markov(kind, seed=4), sequences(kind)
    statistics = hidden_markov.expect(other, data)[1]
    outcomes = (
        gradient_law.gradient_is_derivative(
            lambda t: total(t, data),
            lambda t: hidden_markov.grad_log_evidence(t, data)[1],
            theta,
            wrt=wrt(theta),
            magnitude=SIZE,
        ),
        gradient_law.gradient_is_derivative(
            lambda t: hidden_markov.q_function(t, statistics),
            lambda t: hidden_markov.grad_q(t, statistics),
            theta,
            wrt=wrt(theta),
            magnitude=SIZE,
        ),
        em_law.gradients_part_elsewhere(
            lambda t: hidden_markov.grad_log_evidence(t, data)[1],
            lambda t, old: hidden_markov.grad_q(t, hidden_markov.expect(old, data)[1]),
            theta,
            other,
        ),
    )
    for outcome in outcomes:
        assert outcome.holds, outcome.message


@pytest.mark.parametrize("kind", cases.KINDS)
def test_q_is_its_definition(kind):
    """Sum over all paths of the posterior under other parameters times the log joint."""
    theta, other, data = cases.hidden_markov(kind), cases.hidden_markov(kind, seed=4), sequences(kind)
    answers = []
    for x in data:
        new, old = Exact(theta, x), Exact(other, x)
        weights = enumeration.posterior(old.log_joint, old.paths)
        answers.append(oracle.expected_log_joint(weights, new.log_joint, new.paths))
    wanted, size = math.fsum(a.value for a in answers), math.fsum(a.magnitude for a in answers)
    statistics = hidden_markov.expect(other, data)[1]
    outcome = compare("Q", wanted, hidden_markov.q_function(theta, statistics), rounding(8 * size))
    assert outcome.holds, outcome.message


@pytest.mark.parametrize("kind", cases.KINDS)
def test_em_steps(kind):
    rng = np.random.default_rng(1)
    theta = cases.hidden_markov(kind)
    data = [
        rng.integers(0, 4, size=(n, 2)) if kind == "categorical" else rng.normal(size=(n, 2))
        for n in (20, 1, 15)
    ]
    values, size = [], 1e4
    for _ in range(4):
        value, statistics = hidden_markov.expect(theta, data)
        moved = hidden_markov.maximise(theta, statistics)
        assert em_law.is_stationary(hidden_markov.grad_q(moved, statistics), size).holds
        rise = em_law.improves_at_least_by_q(
            lambda t: total(t, data),
            lambda t, o: hidden_markov.q_function(t, hidden_markov.expect(o, data)[1]),
            theta,
            moved,
            size,
        )
        assert rise.holds, rise.message
        theta = moved
        values.append(value)
    outcome = em_law.never_decreases(values, size)
    assert outcome.holds, outcome.message


@pytest.mark.parametrize("kind", cases.KINDS)
def test_relabelling_the_states_changes_nothing(kind):
    theta, data = cases.hidden_markov(kind), sequences(kind)
    orders = list(itertools.permutations(range(3)))
    outcome = em_law.relabelling(
        lambda t: hidden_markov.log_evidence(t, data), cases.relabel_hidden_markov, theta, orders, SIZE
    )
    assert outcome.holds, outcome.message
    moved = cases.relabel_hidden_markov(theta, [2, 0, 1])
    for before, after in zip(
        hidden_markov.posterior(theta, data), hidden_markov.posterior(moved, data), strict=True
    ):
        assert np.allclose(before[:, [2, 0, 1]], after, rtol=0, atol=1e-13)


def test_total_mass_is_one():
    """Over all 3-step sequences of 4 x 1 symbols and all paths of 2 states."""
    rng = np.random.default_rng(0)
    theta = HiddenMarkov(
        rng.normal(size=2), rng.normal(size=(2, 2)), CategoricalEmission(rng.normal(size=(2, 1, 4)))
    )
    values = hidden_markov.log_evidence(theta, [np.array(x) for x in itertools.product(range(4), repeat=3)])
    assert math.isclose(math.fsum(np.exp(values)), 1.0, abs_tol=1e-14)


def test_sequences_of_length_one_are_a_mixture():
    theta, x = cases.hidden_markov("full"), cases.data("full", 6)
    flat = Mixture(theta.initial_logits, theta.emission)
    data = [row[None] for row in x]
    assert np.allclose(
        hidden_markov.log_evidence(theta, data), mixture.log_evidence(flat, x), rtol=0, atol=1e-13
    )
    assert np.allclose(
        np.concatenate(hidden_markov.posterior(theta, data)), mixture.posterior(flat, x), atol=1e-13
    )
    statistics = hidden_markov.expect(theta, data)[1]
    assert not statistics.transitions.any()
    moved = hidden_markov.maximise(theta, statistics)  # transitions without counts stay
    assert np.allclose(
        oracle.softmax(moved.transition_logits), oracle.softmax(theta.transition_logits), atol=1e-15
    )


def test_rows_of_equal_transitions_are_a_mixture():
    theta, x = cases.hidden_markov("categorical"), cases.data("categorical", 6)
    theta = theta._replace(transition_logits=np.tile(theta.initial_logits, (3, 1)))
    flat = Mixture(theta.initial_logits, theta.emission)
    value = math.fsum(mixture.log_evidence(flat, x))
    assert math.isclose(hidden_markov.log_evidence(theta, [x])[0], value, rel_tol=1e-14)


MUTANTS = {
    "the transposed transition matrix": lambda t: t._replace(
        transition_logits=np.log(oracle.softmax(t.transition_logits)).T
    ),
    "the initial distribution dropped": lambda t: t._replace(initial_logits=np.zeros(3)),
    "rows of emissions shifted by a state": lambda t: t._replace(
        emission=CategoricalEmission(np.roll(t.emission.logits, 1, 0))
    ),
    "half the transitions' logits": lambda t: t._replace(transition_logits=0.5 * t.transition_logits),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_models_are_rejected_by_every_law(mutant):
    theta, x = cases.hidden_markov("categorical"), cases.data("categorical", 5)
    exact, wrong = Exact(theta, x), MUTANTS[mutant](theta)
    value = model_law.log_evidence_is_sum(
        hidden_markov.log_evidence(wrong, [x])[0], exact.log_joint, exact.paths
    )
    states = compare(
        "marginals",
        exact.marginals()[0],
        hidden_markov.posterior(wrong, [x])[0],
        rounding(100.0),
        "posterior",
    )
    (best,), (path,) = hidden_markov.viterbi(wrong, [x])
    viterbi = em_law.best_path_is_argmax(best, path, exact.log_joint, exact.best(), magnitude=SIZE)
    for outcome, message in (
        (value, "log_evidence: expected"),
        (states, r"posterior\["),
        (viterbi, "value|log joint"),
    ):
        with pytest.raises(AssertionError, match=message):
            outcome.raise_if_broken()


def test_wrong_marginals_and_gradients_are_rejected():
    theta, data = cases.hidden_markov("categorical"), sequences("categorical")
    exact = Exact(theta, data[0]).marginals()[0]
    (log_filter,), _ = hidden_markov.forward(theta, data[:1])
    backwards = hidden_markov.posterior(theta, data[:1])[0][::-1]
    for wrong in (
        np.exp(log_filter),
        backwards,
        exact / 2,
    ):  # filtering for smoothing, time reversed, a factor
        with pytest.raises(AssertionError, match=r"posterior\["):
            compare("marginals", exact, wrong, rounding(100.0), "posterior").raise_if_broken()
    right = hidden_markov.grad_log_evidence(theta, data)[1]
    mutants = (
        (right._replace(initial_logits=-right.initial_logits), r"initial_logits.*ratio -1"),
        (right._replace(transition_logits=right.transition_logits.T), "transition_logits"),
        (
            right._replace(transition_logits=hidden_markov.expect(theta, data)[1].transitions),
            "transition_logits",
        ),
    )
    for wrong, message in mutants:
        outcome = gradient_law.gradient_is_derivative(lambda t: total(t, data), lambda t, w=wrong: w, theta)
        with pytest.raises(AssertionError, match=message):
            outcome.raise_if_broken()


def test_a_hundred_thousand_steps():
    """A sequence that repeats: per step it must give what a short one gives in its middle, and the sum must be exact.

    Period 2 with stationary filtering: log_scale settles to two alternating numbers, whose exact sum is known by
    `math.fsum`; the log evidence must agree to a few units of its last place, and marginals must sum to one.
    """
    steps = 100_000
    rng = np.random.default_rng(0)
    theta = HiddenMarkov(
        rng.normal(size=2), rng.normal(size=(2, 2)), CategoricalEmission(rng.normal(size=(2, 1, 3)))
    )
    x = np.tile([0, 2], steps // 2)
    value = float(hidden_markov.log_evidence(theta, [x], target="cpu")[0])
    _, (scales,) = hidden_markov.forward(theta, [x[:200]])
    expected = math.fsum([*scales, *([scales[198], scales[199]] * ((steps - 200) // 2))])
    assert abs(value - expected) <= 8 * 2.0**-53 * abs(expected)  # 8 u S: all scales have one sign
    states = hidden_markov.posterior(theta, [x], target="cpu")[0]
    assert np.abs(states.sum(1) - 1).max() <= 1e-15
    short = hidden_markov.posterior(theta, [x[:400]])[0]
    assert np.abs(states[50_000:50_002] - short[200:202]).max() <= 1e-13
    best, (path,) = hidden_markov.viterbi(theta, [x], target="cpu")
    middle = hidden_markov.viterbi(theta, [x[:400]])[1][0]
    assert np.array_equal(path[100:300], middle[100:300])
    assert best[0] < value


def test_zero_probabilities():
    """A left-to-right chain with an impossible symbol: -inf where it must be, exact elsewhere."""
    logits = np.array([[0.0, 0.0, -np.inf], [-np.inf, 0.5, 0.25], [-np.inf, -np.inf, 0.0]])
    emission = np.log(
        np.array([[[0.5, 0.5, 0.0]], [[0.25, 0.75, 0.0]], [[0.1, 0.2, 0.7]]]),
        where=[[[True, True, False]], [[True, True, False]], [[True, True, True]]],
        out=np.full((3, 1, 3), -np.inf),
    )
    theta = HiddenMarkov(np.array([0.0, -np.inf, -np.inf]), logits, CategoricalEmission(emission))
    possible, impossible = [0, 1, 0, 2, 1], [2, 0, 1]
    values = hidden_markov.log_evidence(theta, [possible, impossible])
    exact = Exact(theta, np.array(possible)[:, None])
    assert model_law.log_evidence_is_sum(values[0], exact.log_joint, exact.paths).holds
    assert values[1] == -np.inf
    for refuses in (
        hidden_markov.posterior,
        hidden_markov.viterbi,
        hidden_markov.expect,
        hidden_markov.forward,
    ):
        with pytest.raises(
            UsageError, match="positive probability under the parameters, got zero for sequence 1"
        ):
            refuses(theta, [possible, impossible])
    value, statistics = hidden_markov.expect(theta, [possible])
    assert statistics.transitions[2, 0] == 0.0
    assert math.isfinite(hidden_markov.q_function(theta, statistics))
    moved = hidden_markov.maximise(theta, statistics)
    assert moved.transition_logits[0, 2] == -np.inf
    assert hidden_markov.log_evidence(moved, [possible])[0] >= value


THETA = cases.hidden_markov("categorical")


@pytest.mark.parametrize(
    ("theta", "data", "message"),
    [
        (THETA, [], r"sequences must be at least one, each of at least one step, got lengths \[\]"),
        (THETA, [np.zeros((3, 2), int), np.zeros((0, 2), int)], r"got lengths \[3, 0\]"),
        (
            THETA._replace(initial_logits=np.zeros(2)),
            sequences("categorical"),
            "transition_logits must have shape",
        ),
        (
            THETA._replace(transition_logits=np.zeros((3, 2))),
            sequences("categorical"),
            r"shape \(3, 3\), got \(3, 2\)",
        ),
        (
            THETA._replace(transition_logits=np.full((3, 3), -np.inf)),
            sequences("categorical"),
            "not all of a row -inf",
        ),
        (
            THETA._replace(emission=cases.emission("categorical", 2)),
            sequences("categorical"),
            "3 components, one per state, got 2",
        ),
    ],
)
def test_one_clear_sentence(theta, data, message):
    with pytest.raises(UsageError, match=message):
        hidden_markov.log_evidence(theta, data)


@pytest.mark.parametrize("kind", cases.KINDS)
def test_compiled_gives_the_same_bits(kind):
    theta, data, flat = cases.hidden_markov(kind), sequences(kind), cases.mixture(kind)
    for model, parameters, x in ((hidden_markov, theta, data), (mixture, flat, np.concatenate(data))):
        plain, compiled = (model.expect(parameters, x, target=name) for name in ("python", "cpu"))
        assert compare("bits", plain, compiled, rounding(0.0)).holds
        moved, fast = (model.maximise(parameters, plain[1], target=name) for name in ("python", "cpu"))
        assert compare("bits", moved, fast, rounding(0.0)).holds
        slow, fast = (model.grad_q(parameters, plain[1], target=name) for name in ("python", "cpu"))
        assert compare("bits", slow, fast, rounding(0.0)).holds
    slow, fast = (hidden_markov.viterbi(theta, data, target=name) for name in ("python", "cpu"))
    assert compare("bits", slow, fast, rounding(0.0)).holds
