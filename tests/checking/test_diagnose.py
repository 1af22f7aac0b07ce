"""Naming what is wrong: conventions that were not declared, relatives, terms of gradients, edges, single precision."""

import numpy as np
import pytest

import refvi
from refvi.checking.selftest import planted
from refvi.specs import all_specs, get_spec
from tests.checking import shipped

RELATIVES = [(i, slug) for i, spec in all_specs().items() for slug in spec.relatives]
CASES = 12


def log_mean(log_weights):
    return np.logaddexp.reduce(log_weights, 0) - np.log(len(log_weights))


# ---- conventions


def test_two_undeclared_conventions_are_named_together():
    report = refvi.check("iwae.bound", lambda log_weights: -log_mean(log_weights).mean(), cases=CASES)
    assert report.mistake is None
    assert "sign='negative', batch='mean', which were not declared" in report.message


def test_a_mistake_is_named_under_conventions_that_were_not_declared():
    report = refvi.check("iwae.bound", lambda log_weights: -log_weights.mean(), cases=CASES)
    assert report.mistake == "iwae-mean-of-logs"
    assert report.message.endswith("it also follows sign='negative', batch='mean', not declared")


def test_gradients_of_the_negative_beside_a_right_value_are_no_convention():
    """As in pyro-ppl/pyro#1982: declaring sign='negative' would not mend it."""

    def two_signs(log_weights):
        shifted = np.exp(log_weights - log_weights.max(0))
        return log_mean(log_weights), -shifted / shifted.sum(0)

    report = refvi.check("iwae.bound", two_signs, cases=CASES)
    assert report.rung == 2
    assert report.message.startswith("gives gradients of sign='negative', while its value is as declared")
    assert report.seen == ("pyro-ppl/pyro#1982", "pyro-ppl/pyro#2798")


def test_a_gradient_that_is_wrong_at_an_edge_is_no_mistake_of_the_value():
    """NumPyro's clip at a logit of zero: mistakes that speak of the value alone say nothing about it."""

    def clipped(x, logits):
        value = (x * logits - np.logaddexp(0, logits)).sum(-1)
        return value, {"logits": np.where(logits == 0, 0.0, x - 1 / (1 + np.exp(-logits)))}

    report = refvi.check("log_density.bernoulli_logits", clipped, cases=CASES)
    assert report.mistake is None
    assert report.message == "right in generic position, wrong at the edge 'logits zero'"


# ---- relatives


@pytest.mark.parametrize(("spec_id", "slug"), RELATIVES)
def test_relative_is_no_mistake_and_is_said_to_be_valid(spec_id, slug):
    spec = get_spec(spec_id)
    report = refvi.check(spec_id, planted(spec, spec.relatives[slug]), cases=CASES, framework="numpy")
    assert report.verdict == "FAIL"
    assert report.mistake is None
    assert report.message.startswith("another valid estimator: it ")


def test_relative_with_a_spec_passes_there():
    for spec_id, slug in RELATIVES:
        says = get_spec(spec_id).relatives[slug].says
        if "declare it" in says:
            other = says.split("'")[1]
            spec = get_spec(spec_id)
            report = refvi.check(other, planted(spec, spec.relatives[slug]), cases=CASES, framework="numpy")
            assert report.passed, report.text()


# ---- terms


def test_terms_of_a_gradient_name_an_unlisted_mistake():
    spec = get_spec("pathwise.gradient")

    def half_prior(**inputs):
        found = spec.gradient(**inputs)
        return {
            name: sum((0.5 if t == "prior" else 1.0) * a.value for t, a in g.items())
            for name, g in found.items()
        }

    report = refvi.check("pathwise.gradient", half_prior, framework="numpy", cases=CASES)
    assert report.mistake is None
    assert "grad.mu = likelihood × 1, prior × 0.5, path × 1, score × 1" in report.message
    assert "grad.bias" not in report.message


def test_a_term_scaled_by_an_axis_is_named_with_it():
    report = refvi.check("sbn.elbo", prior_per_datum, framework="numpy", cases=CASES)
    assert "prior × 1 /B" in report.message


def prior_per_datum(x, z, logits, weights, bias, prior_logits):
    inputs = dict(x=x, z=z, logits=logits, weights=weights, bias=bias, prior_logits=prior_logits)
    terms = get_spec("sbn.elbo").reference(**inputs)
    return (terms["likelihood"].value + terms["prior"].value / len(x) + terms["entropy"].value).mean(0)


def test_left_out_reads_simpler_than_doubled():
    """Of two terms that cancel, the one that is missing is named, not the other one twice."""
    spec = get_spec("iwae.gradient")

    def without_score_of_mu(**inputs):
        found = spec.total_gradient(**inputs)
        mu = spec.gradient(**inputs)["mu"]
        return {**{n: g.value for n, g in found.items()}, "mu": (found["mu"] - mu["score"]).value}

    report = refvi.check("iwae.gradient", without_score_of_mu, framework="numpy", cases=CASES)
    assert report.message.endswith("grad.mu = likelihood × 1, prior × 1, path × 1, score × 0")


# ---- arguments


def test_reshape_in_place_of_transpose_is_named():
    def reshaped(log_weights):
        rows = log_weights.reshape(log_weights.shape[::-1])
        return np.logaddexp.reduce(rows, 1) - np.log(len(log_weights))

    report = refvi.check("iwae.bound", reshaped, cases=CASES)
    assert report.message == "reshapes log_weights where its axes K and B should be transposed"


def test_derivative_with_respect_to_std_is_named_where_another_scale_was_handed_over():
    by_hand = shipped.load("iwae_gradient").by_hand

    def by_std(x, mu, log_var, noise, weights, bias):
        return tuple(by_hand(x, mu, np.exp(log_var / 2), noise, weights, bias).values())

    report = refvi.check("iwae.gradient", by_std, framework="numpy", cases=CASES)
    assert report.message == (
        "gives the derivative with respect to the standard deviation, not with respect to log_var"
    )


def test_scale_misread_in_a_gradient_is_named():
    by_hand = shipped.load("iwae_gradient").by_hand

    def squared(x, mu, std, noise, weights, bias):
        g = by_hand(x, mu, std**2, noise, weights, bias)
        return {**g, "std": g["std"] * 2 * std}

    report = refvi.check("iwae.gradient", squared, framework="numpy", cases=CASES)
    assert report.message == "takes the standard deviation std squared"


# ---- edges and precision


def test_a_mistake_that_fails_in_its_own_way_at_an_edge_is_named_all_the_same():
    """The naive product w log w gives NaN where a weight is zero; the catalogue's formula does not."""

    def naive(log_weights):
        w = np.exp(log_weights - log_weights.max(0))
        return (w / w.sum(0) * log_weights).sum(0)

    report = refvi.check("iwae.bound", naive, cases=CASES)
    assert report.mistake == "iwae-report-sum-w-logw"
    assert report.matches == report.cases - 1


def test_right_but_for_an_edge_is_said():
    def cut(log_weights):
        return log_mean(np.maximum(log_weights, -700.0))

    report = refvi.check("iwae.bound", cut, cases=CASES)
    assert report.mistake is None
    assert report.message.startswith("right in generic position, wrong at the edge")


def test_a_gradient_mistake_explains_only_what_it_changes():
    """Two gradients wrong at once are not one mistake in one of them."""
    by_hand = shipped.load("score_gradient").reinforce
    delta = shipped.load("sbn_evidence").delta_rules
    assert refvi.check(by_hand, cases=3).passed

    def twice_wrong(x, z, logits, weights, bias, prior_logits):
        g = delta(x, z, logits, weights, bias, prior_logits)
        return {
            **g,
            "weights": 0 * g["weights"],
            "bias": 0 * g["bias"],
            "prior_logits": g["prior_logits"] ** 2,
        }

    report = refvi.check("sbn.elbo_gradient", twice_wrong, framework="numpy", cases=CASES)
    assert report.verdict == "FAIL"
    assert report.mistake is None


def test_single_precision_mistake_is_named():
    report = refvi.check(
        "iwae.bound", lambda log_weights: log_weights.astype(np.float32).mean(0), cases=CASES
    )
    assert report.dtype == "float32"
    assert report.mistake == "iwae-mean-of-logs"


def test_shrinking_keeps_to_legal_sizes():
    """Leave-one-out needs two samples: no report shows one."""
    wrong = shipped.load("score_gradient").mean_of_all
    report = refvi.check(wrong, cases=CASES, expect="particles-sum")
    assert report.case["f"].shape[0] >= 2


def test_a_step_in_single_precision_is_said():
    def mixed(log_weights):
        return np.logaddexp.reduce(log_weights.astype(np.float32), 0) - np.log(len(log_weights) * np.ones(1))

    report = refvi.check("iwae.bound", mixed, cases=CASES)
    assert report.dtype == "float64"
    assert report.verdict == "FAIL"
    assert report.message.startswith(
        "is right to single precision only: its rounding errors are those of a step"
    )


def test_a_mistake_with_a_step_in_single_precision_is_named():
    def mixed(log_weights):
        return log_weights.astype(np.float32).mean(0).astype(np.float64)

    report = refvi.check("iwae.bound", mixed, cases=CASES)
    assert report.mistake == "iwae-mean-of-logs"
    assert report.message.endswith("it also rounds to float32")


def test_digits_lost_at_large_logits_are_named_and_not_called_rounding():
    def by_probability(x, z, logits, weights, bias, prior_logits):
        def log_bernoulli(v, a):
            p = 1 / (1 + np.exp(-a))
            return (v * np.log(p) + (1 - v) * np.log(1 - p)).sum(-1)

        log_p = log_bernoulli(x, z @ weights.T + bias) + log_bernoulli(z, prior_logits)
        return (log_p - log_bernoulli(z, logits)).mean(0)

    report = refvi.check("sbn.elbo", by_probability, cases=60)
    assert report.mistake == "log-of-sigmoid"
