"""The ladder on one spec: right ones pass, each kind of wrong one stops at its rung with its sentence."""

import numpy as np
import pytest

import refvi
from refvi.errors import CheckFailed, UsageError


def right(mu, log_var):
    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(-1)


def marked(function, **more):
    return refvi.implements("kl.normal_standard", scale="log_var", **more)(function)


def report_of(function, **options):
    return refvi.check("kl.normal_standard", function, scale="log_var", cases=30, **options)


def test_right_one_passes_and_says_how_much_was_compared():
    report = report_of(right)
    assert report.passed
    assert report.rung is None
    assert report.worst < 1
    assert report.cases >= 30
    assert report.raise_if_failed() is report


def test_mean_over_latents_is_named_with_its_citation():
    report = report_of(lambda mu, log_var: right(mu, log_var) / mu.shape[-1])
    assert (report.verdict, report.mistake, report.rung) == ("FAIL", "kl-mean-over-latents", 1)
    assert "maxhodak/keras-molecules#59" in report.seen
    with pytest.raises(CheckFailed, match="kl-mean-over-latents"):
        report.raise_if_failed()


def test_the_smallest_case_is_small_generic_and_still_wrong():
    report = report_of(lambda mu, log_var: right(mu, log_var) / mu.shape[-1])
    assert report.case["mu"].shape == (1, 2)
    assert not np.any(np.isin(report.case["mu"], (0.0, 1.0, -1.0)))
    again = report_of(lambda mu, log_var: right(mu, log_var) / mu.shape[-1], case=report.token)
    assert again.mistake == report.mistake
    assert again.token == report.token
    assert report_of(right, case=report.token).passed


def test_an_unlisted_mistake_is_said_in_the_terms_of_the_reference():
    report = report_of(lambda mu, log_var: -0.5 * (1 + 0.5 * log_var - mu**2 - np.exp(log_var)).sum(-1))
    assert report.mistake is None
    assert "entropy × 0.5" in report.message
    assert "mean × 1," in report.message


def test_an_undeclared_convention_is_proposed():
    report = report_of(lambda mu, log_var: right(mu, log_var) / np.log(2.0))
    assert "units='bits'" in report.message
    assert report_of(lambda mu, log_var: right(mu, log_var) / np.log(2.0), units="bits").passed


def test_expected_mistakes():
    wrong = lambda mu, log_var: right(mu, log_var) / mu.shape[-1]
    assert report_of(wrong, expect="kl-mean-over-latents").verdict == "EXPECTED"
    assert report_of(right, expect="kl-mean-over-latents").verdict == "UNEXPECTED"
    assert report_of(wrong, expect="kl-sum-without-dim").verdict == "UNEXPECTED"
    assert not report_of(right, expect="kl-mean-over-latents").passed


def test_a_wrong_gradient_beside_a_right_value_stops_at_rung_two():
    def both(mu, log_var):
        return right(mu, log_var), {"mu": mu, "log_var": np.exp(log_var) - 1}

    report = report_of(both)
    assert report.rung == 2
    assert report.failed == ("grad.log_var",)
    assert report.lines[0].got / report.lines[0].want == pytest.approx(2.0)


def test_a_consistent_gradient_of_a_wrong_value_is_said():
    def both(mu, log_var):
        value = -0.5 * (1 + 0.7 * log_var - mu**2 - np.exp(log_var)).sum(-1)
        return value, {"mu": mu, "log_var": 0.5 * (np.exp(log_var) - 0.7)}

    report = report_of(both)
    assert report.rung == 1
    assert any("derivative of your value" in note for note in report.notes)


def test_float32_is_compared_with_its_own_unit():
    report = report_of(lambda mu, log_var: right(mu.astype(np.float32), log_var.astype(np.float32)))
    assert report.passed
    assert "float32" in report.notes[0]


def writes(mu, log_var):
    mu *= 2
    return right(mu, log_var)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (writes, "wrote to 'mu'"),
        (lambda mu, log_var: "hello", "must return real numbers, got str"),
        (lambda mu, log_var: None, "must return the value, got None"),
        (lambda mu, log_var: right(mu, log_var) * np.nan, "must be finite where the reference is, got nan"),
        (
            lambda mu, log_var: right(mu, log_var)[:, None],
            r"must have shape \(1,\) for this case, got \(1, 1\)",
        ),
        (
            lambda mu, log_var: np.random.default_rng().normal(size=len(mu)),
            "the same value for the same inputs",
        ),
        (lambda mu, log_var: {"valu": right(mu, log_var)}, "must return quantities among value"),
        (lambda mu, log_var: right(mu, log_var) + 1j, "must return real numbers, got dtype complex128"),
    ],
)
def test_a_broken_contract_is_one_sentence_at_rung_zero(function, sentence):
    report = report_of(function)
    assert (report.verdict, report.rung) == ("FAIL", 0)
    assert __import__("re").search(sentence, report.message), report.message


def test_a_raising_function_could_not_run():
    def raises(mu, log_var):
        raise ValueError("two\nlines")

    report = report_of(raises)
    assert report.verdict == "ERROR"
    assert "raised ValueError: two lines" in report.message


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: refvi.check("kl.normal_standart", right), "did you mean 'kl.normal_standard'"),
        (lambda: refvi.check("kl.normal_standard", right, sclae="std"), "must be among scale"),
        (lambda: refvi.check("kl.normal_standard", right, scale="sigma"), "scale must be one of std"),
        (lambda: refvi.check(right), "needs a function marked"),
        (lambda: refvi.check("kl.normal_standard"), "needs a function as its second argument"),
        (lambda: refvi.check("kl.normal_standard", lambda m, v: m), "must name its arguments"),
        (
            lambda: refvi.check("kl.normal_standard", right, framework="tensorflow"),
            "framework must be one of",
        ),
        (lambda: refvi.check("kl.normal_standard", right, cases=0), "cases must be a whole number"),
        (
            lambda: refvi.check("kl.normal_standard", right, scale="log_var", case="rv1-AAAA"),
            "incomplete or mistyped",
        ),
        (lambda: refvi.check("kl.normal_standard", right, scale="log_var", case="hello"), "must be a token"),
        (lambda: refvi.implements("kl.normal_standard", expect="nothing"), "expect must name a mistake"),
    ],
)
def test_wrong_use_is_one_sentence(call, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_scale_is_read_off_the_argument_names():
    assert refvi.check("kl.normal_standard", right, cases=5).conventions["scale"] == "log_var"


def test_json_holds_everything():
    import json

    report = json.loads(report_of(lambda mu, log_var: right(mu, log_var) / mu.shape[-1]).to_json())
    assert report["mistake"] == "kl-mean-over-latents"
    assert report["passed"] is False
    assert report["case"]["mu"]
    assert report["lines"][0]["name"] == "value"
