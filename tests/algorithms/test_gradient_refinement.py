"""Gradient-based inference: rows of the registry, wrong steps that they reject, and what the algorithm does not promise."""

import numpy as np
import pytest

from refvi.algorithms import discrete_vae_exact, gradient_refinement, line_search
from refvi.errors import UsageError
from refvi.estimators import bernoulli_refinement
from refvi.laws import em as em_law
from refvi.models import discrete_vae as dv
from refvi.models.discrete_vae import bounds
from refvi.registry import discrete_vae_cases as cases
from refvi.registry import gradient_refinement as rows


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(True, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


def test_every_entry_has_a_row():
    assert {e.name for e in rows.ENTRIES} == {r.subject for r in rows.EVIDENCE}


def rejected(check, words=""):
    """By the law, or by a sentence where the wrong step leaves the domain."""
    try:
        outcome = check()
    except UsageError:
        return
    assert not outcome.holds
    assert words in outcome.message


# ---- E step

right_climb = gradient_refinement.climb
right_objective = gradient_refinement.objective_at


def without_search(evaluate, logits, steps):
    """Full steps along the gradient in the means, whether they rise or not."""
    logits, everyone, values = np.array(logits), np.arange(len(logits)), []
    for _ in range(steps):
        value, _, direction = evaluate(everyone, logits)
        values.append(value)
        logits = logits + 2.0 * direction
    return gradient_refinement.Refined(logits, np.array([*values, evaluate(everyone, logits)[0]]))


def backwards(evaluate, logits, steps):
    found = right_climb(evaluate, logits, steps)
    return found._replace(values=found.values[::-1])


def one_step_behind(evaluate, logits, steps):
    found = right_climb(evaluate, logits, steps)
    return found._replace(logits=np.array(logits, dtype=float))


@pytest.mark.parametrize("wrong", [without_search, backwards, one_step_behind])
def test_wrong_ascents_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(gradient_refinement, "climb", wrong)
    rejected(rows.check_refine)


def with_surrogate(x, psi, objective="elbo", target="python"):
    return right_objective(x, psi, "surrogate", target)


def wrong_way(x, psi, objective="elbo", target="python"):
    evaluate = right_objective(x, psi, objective, target)
    return lambda chosen, logits: (
        evaluate(chosen, logits)[0],
        evaluate(chosen, logits)[1],
        -evaluate(chosen, logits)[2],
    )


def first_latent_only(x, psi, objective="elbo", target="python"):
    evaluate = right_objective(x, psi, objective, target)

    def cut(chosen, logits):
        value, by_logits, by_means = (np.array(a) for a in evaluate(chosen, logits))
        by_means[:, 1:] = 0.0
        return value, by_logits, by_means

    return cut


@pytest.mark.parametrize("wrong", [with_surrogate, wrong_way, first_latent_only])
def test_wrong_objectives_are_rejected_by_the_grid(monkeypatch, wrong):
    monkeypatch.setattr(gradient_refinement, "objective_at", wrong)
    rejected(rows.check_optimum)


def test_arrived_data_are_left_alone():
    """A line search that cannot rise any more changes nothing, and costs one evaluation in all."""
    x, psi = cases.three_bits()
    logits = gradient_refinement.refine(x, psi, cases.logits(psi, x), steps=60).logits
    again = gradient_refinement.refine(x, psi, logits, steps=5)
    assert np.array_equal(again.logits, logits)
    assert again.values.shape == (6, 2)


# ---- M step and auxiliary step


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, t="python": a.mean(0),
        lambda a, t="python": -right_prior(a),
        lambda a, t="python": np.full(a.shape[1], right_prior(a).mean()),
    ],
    ids=["mean of the log odds", "one minus mu", "one for all bits"],
)
def test_wrong_priors_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "prior_step", wrong)
    rejected(rows.check_m_step, "prior_logits")


right_prior = dv.prior_step
right_armijo = line_search.armijo


@pytest.mark.parametrize(
    "wrong",
    [
        lambda value, theta, here, gradient, first=1.0: theta,
        lambda value, theta, here, gradient, first=1.0: line_search.trees.add(theta, -0.1, gradient),
        lambda value, theta, here, gradient, first=1.0: line_search.trees.add(theta, 50.0, gradient),
    ],
    ids=["no step", "downhill", "too far"],
)
@pytest.mark.parametrize("check", [rows.check_m_step, rows.check_auxiliary_step])
def test_wrong_steps_are_rejected(monkeypatch, wrong, check):
    monkeypatch.setattr(line_search, "armijo", wrong)
    rejected(check, "objective")


def test_the_printed_order_does_not_lead_to_the_refined_means():
    """Eq 5 as printed, ascended, goes to the corner; descended, as the text says, to the opposite one."""
    x, refined = np.array([[1.0, 0.0]]), np.array([[1.0, -0.5]])
    theta = dv.Recognition(np.zeros((2, 2)), np.zeros(2))
    found = {
        order: gradient_refinement.auxiliary_step(x, theta, refined, order=order, steps=300)
        for order in dv.ORDERS
    }
    means = {order: cases.sigmoid(dv.recognise(x, t)[0])[0] for order, t in found.items()}
    assert np.abs(means["log_q"] - cases.sigmoid(refined[0])[0]).max() < 1e-7
    assert means["log_target"][0] > 0.99 > 0.01 > means["log_target"][1]
    slope = dv.auxiliary(x, found["log_q"], refined, "log_target").grad_logits[0]
    assert np.all(np.sign(slope) == np.sign(refined[0]))  # at mu* itself it still pulls outwards


# ---- exact references


def test_a_wrong_posterior_is_rejected(monkeypatch):
    right = dv.expected_log_joint
    for weights in (
        lambda t: 0.0 * t,
        lambda t: -t,
        lambda t: t.mean(0) + 0.0 * t,
    ):
        monkeypatch.setattr(
            dv, "expected_log_joint", lambda x, p, t, target="python", w=weights: right(x, p, w(t), target)
        )
        run = discrete_vae_exact.exact_em(*cases.three_bits(), iterations=8)
        exact = run_of_right_em(monkeypatch, right)
        assert run.log_evidence[-1] < exact - 0.05


def run_of_right_em(monkeypatch, right):
    with monkeypatch.context() as inner:
        inner.setattr(dv, "expected_log_joint", right)
        return discrete_vae_exact.exact_em(*cases.three_bits(), iterations=8).log_evidence[-1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t, a, k, w: right_fold(t, a, k, w) * (1.0 if k < 0 else -1.0),
        lambda t, a, k, w: right_fold(t, a, k, w) * (1.0 if k < 0 else 0.5),
        lambda t, a, k, w: right_fold(t, a, k, w) + (0.0 if k < 0 else a[k]),
    ],
    ids=["sign", "half", "own logit added"],
)
def test_wrong_coordinate_updates_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(discrete_vae_exact, "fold", wrong)
    rejected(rows.check_references, "ELBO")


right_fold = bounds.fold


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t: np.zeros(t.shape[1].bit_length() - 1),
        lambda t: right_weights(t)[::-1],
        lambda t: right_weights(np.exp(t)),
        lambda t: -right_weights(t),
    ],
    ids=["one half", "latents backwards", "weights exponentiated twice", "one minus the mean"],
)
def test_wrong_priors_of_the_posterior_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(discrete_vae_exact, "prior_of_weights", wrong)
    rejected(rows.check_references)


right_weights = discrete_vae_exact.prior_of_weights


# ---- estimates


@pytest.mark.parametrize(
    "wrong",
    [
        lambda f: f._replace(grad_logits=-f.grad_logits),
        lambda f: f._replace(grad_logits=0.5 * f.grad_logits),
        lambda f: f._replace(grad_logits=f.grad_logits / np.abs(f.elbo[:, None])),
        lambda f: f._replace(elbo=f.elbo + 0.01),
    ],
    ids=["sign", "half", "score without the reward", "value shifted"],
)
def test_wrong_estimates_are_rejected(monkeypatch, wrong):
    right = bernoulli_refinement.estimate
    monkeypatch.setattr(bernoulli_refinement, "estimate", lambda *a: wrong(right(*a)))
    rejected(rows.check_estimate, "mean of")


def test_refinement_by_score_takes_the_estimated_steps_and_rises():
    x, psi = cases.three_bits()
    logits, rng = cases.logits(psi, x), np.random.default_rng(0)
    uniform = rng.random((200, 2, 10, 3))
    first = bernoulli_refinement.estimate(x, psi, logits, uniform[0])
    one = gradient_refinement.refine_by_score(x, psi, logits, uniform[:1], [0.5])
    assert np.array_equal(one.logits, logits + 0.5 * first.grad_logits)
    many = gradient_refinement.refine_by_score(x, psi, logits, uniform, 2.0 / (1.0 + np.arange(200) / 20.0))
    best = gradient_refinement.refine(x, psi, logits, steps=60).values[-1]
    start = dv.elbo(x, psi, logits).elbo
    assert np.all(many.values[-1] > start + 0.9 * (best - start))
    assert np.all(many.values[-1] <= best + 1e-9)


# ---- what is not promised


def test_an_iteration_can_lower_the_net_s_bound():
    """The next E step starts from the net, so that a whole iteration is no ascent; the law that EM obeys sees it."""
    falls = []
    for seed in range(4):
        x, psi = cases.three_bits(seed)
        run = gradient_refinement.run(x, psi, cases.recognition(psi, x, seed), iterations=12, refinements=2)
        falls.append(not em_law.never_decreases(run.elbo_start, cases.SIZE).holds)
    assert any(falls)


def test_arguments_are_refused_in_one_sentence():
    x, psi = cases.three_bits()
    logits = cases.logits(psi, x)
    with pytest.raises(UsageError, match="objective must be one of 'elbo', 'surrogate', got 'score'"):
        gradient_refinement.refine(x, psi, logits, objective="score")
    with pytest.raises(UsageError, match="steps must be an integer of at least 0, got -1"):
        gradient_refinement.refine(x, psi, logits, steps=-1)
    with pytest.raises(UsageError, match="iterations must be an integer of at least 0, got 1.5"):
        gradient_refinement.run(x, psi, cases.recognition(psi, x), iterations=1.5)
    with pytest.raises(UsageError, match=r"uniform must have shape \(T, N, S, K\) with T = 2"):
        gradient_refinement.refine_by_score(x, psi, logits, np.zeros((1, 2, 3, 3)), [0.1, 0.1])
