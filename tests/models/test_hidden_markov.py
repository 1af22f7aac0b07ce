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
from refvi.oracles import latent_models as oracle
from refvi.registry import hidden_markov as rows
from refvi.registry import latent_cases as cases
from refvi.registry.hidden_markov import SIZE, Exact, sequences, total


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    for target in row.targets:
        if target != "cuda":
            row.run(True, target).raise_if_broken()


def test_every_entry_has_a_row():
    modules = {"models.hidden_markov", "models.markov_chain"}
    assert {e.name for e in rows.ENTRIES} - modules == {r.subject for r in rows.EVIDENCE}


def test_viterbi_on_more_models():
    for seed in range(1, 6):
        theta, data = cases.hidden_markov("categorical", seed=seed), sequences("categorical", seed)
        for x, value, path in zip(data, *hidden_markov.viterbi(theta, data), strict=True):
            exact = Exact(theta, x)
            outcome = em_law.best_path_is_argmax(value, path, exact.log_joint, exact.best(), magnitude=SIZE)
            assert outcome.holds, outcome.message


@pytest.mark.parametrize("kind", cases.KINDS)
def test_away_from_the_parameters_q_has_another_gradient(kind):
    outcome = em_law.gradients_part_elsewhere(
        lambda t: hidden_markov.grad_log_evidence(t, sequences(kind))[1],
        lambda t, old: hidden_markov.grad_q(t, hidden_markov.expect(old, sequences(kind))[1]),
        cases.hidden_markov(kind),
        cases.hidden_markov(kind, seed=4),
    )
    assert outcome.holds, outcome.message


def test_ties_go_to_the_smaller_state():
    theta = HiddenMarkov(np.zeros(2), np.zeros((2, 2)), CategoricalEmission(np.zeros((2, 1, 3))))
    assert hidden_markov.viterbi(theta, [[0, 1, 2]])[1][0].tolist() == [0, 0, 0]


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
