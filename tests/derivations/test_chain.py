"""The runner: what it accepts, what it refuses, and that a failing step is named."""

import json
from types import SimpleNamespace

import pytest

from refvi import derivations
from refvi.derivations import Step, check, render
from refvi.derivations.chain import REGISTERED, Derivation, derivation
from refvi.derivations.numbers import approximate
from refvi.errors import LawViolation, UsageError


def made(chain):
    return Derivation("test.chain", "a test", "1 = 1", "none", "core", lambda draws: None, chain)


def models(*values):
    return [SimpleNamespace(a=value) for value in values]


def squares(a):
    yield Step("", "(a+1)²", (a + 1) ** 2)
    yield Step("=", "a² + 2a + 1", a * a + 2 * a + 1, "expand")
    yield Step("≥", "2a", 2 * a, "a² + 1 > 0")
    yield Step("<=", "2a + 1", 2 * a + 1)


def test_a_right_chain_holds():
    result = check(made(squares), models(3.0, -2.0, 0.5))
    assert result.holds
    assert (result.checked, result.models, result.message) == (9, 3, "")
    assert [line.relation for line in result.lines] == ["", "=", ">=", "<="]
    assert [line.value for line in result.lines] == [16.0, 16.0, 6.0, 7.0]
    assert result.raise_if_failed() is result


def test_a_wrong_step_is_named_with_its_model():
    def wrong(a):
        yield Step("", "(a+1)²", (a + 1) ** 2)
        yield Step("=", "a² + 1", a * a + 1, "forgets 2a")
        yield Step("=", "a² + 1 again", a * a + 1)

    result = check(made(wrong), models(0.0, 3.0))
    assert not result.holds
    assert result.message.startswith(
        "test.chain: step 2 fails: +16.000000000000 = +10.000000000000 is off by 6"
    )
    assert "forgets 2a" in result.message
    assert "a=3" in result.message
    assert [line.verdict for line in result.lines] == ["", "FAILS", "holds"]
    with pytest.raises(LawViolation, match="step 2 fails"):
        result.raise_if_failed()
    assert "FAILS" in render(result)


def test_a_sequence_and_its_limit():
    def limit(a):
        yield Step("", "a + 1/n", [a + 1 / n for n in (8, 16, 32)])
        yield Step("->", "a", a, "1/n → 0", (8, 16, 32))

    assert check(made(limit), models(1.0)).holds

    def elsewhere(a):
        yield Step("", "a + 1/n", [a + 1 / n for n in (8, 16, 32)])
        yield Step("→", "a + 1", a + 1, "", (8, 16, 32))

    assert "step 2 fails" in check(made(elsewhere), models(1.0)).message


def test_the_error_of_a_quadrature_is_the_distance_to_the_coarser_twin():
    class Rough(SimpleNamespace):
        def coarser(self):
            return SimpleNamespace(a=self.a + self.shift)

    def chain(a):
        yield Step("", "a", a)
        yield Step("=", "1", 1.0)

    assert check(made(chain), [Rough(a=1.0 + 1e-9, shift=1e-8)]).holds
    assert not check(made(chain), [Rough(a=1.0 + 1e-7, shift=1e-8)]).holds


@pytest.mark.parametrize(
    ("steps", "match"),
    [
        ([1.0, 2.0], "step 1 must be a Step, got 1.0"),
        ([Step("=", "a", 1.0)], r'relation of step 1 must be empty \(""\) on the first line'),
        (
            [Step("", "a", 1.0), Step("<", "b", 2.0)],
            "relation of step 2 must be one of =, <=, >=, ->, got '<'",
        ),
        (
            [Step("", "a", 1.0), Step("=", "b", float("nan"))],
            r"step 2 \(b\) must have a finite value, got nan",
        ),
        ([Step("", "a", 1.0)], "at least two steps, got 1"),
    ],
)
def test_malformed_steps_are_refused(steps, match):
    def chain():
        yield from steps

    with pytest.raises(UsageError, match=match):
        check(made(chain), models(1.0))


def test_a_chain_that_asks_for_what_the_model_lacks():
    def chain(nothing):
        yield Step("", "a", nothing)

    with pytest.raises(UsageError, match="SimpleNamespace has no nothing"):
        check(made(chain), models(1.0))


def test_a_step_that_crashes_is_named():
    def chain(a):
        yield Step("", "a", a)
        yield Step("=", "b", [a][1])

    with pytest.raises(UsageError, match="test.chain: step 2 could not be computed: list index out of range"):
        check(made(chain), models(1.0))


def test_registering_wants_a_generator_and_a_new_name():
    about = {"title": "", "statement": "", "source": "", "system": "core", "models": None}
    with pytest.raises(UsageError, match="must be a generator of steps"):
        derivation("test.plain", **about)(lambda a: 1)
    derivations.all_derivations()
    with pytest.raises(UsageError, match=r"'elbo.forms' twice"):
        derivation("elbo.forms", **about)(squares)
    assert "test.plain" not in REGISTERED


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: derivations.run("iwae.monoton-in-k"), "did you mean 'iwae.monotone-in-k'"),
        (lambda: derivations.run("zzz"), "names them all"),
        (lambda: derivations.run("elbo.forms", seed=-1), "seed must be an integer of at least 0, got -1"),
        (lambda: derivations.run("elbo.forms", models=0), "models must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_use_gets_one_sentence(call, match):
    with pytest.raises(UsageError, match=match):
        call()


def test_a_coarse_value_decides_nothing():
    def chain():
        yield Step("", "a", approximate(1.0, 1.0))
        yield Step("=", "b", 1.0)

    assert not check(made(chain), models(1.0)).holds


def test_json_and_text():
    result = derivations.run("elbo.forms", seed=3, models=2)
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))
    assert result.to_dict()["holds"] is True
    assert result == derivations.run("elbo.forms", seed=3, models=2)
    text = render(result)
    for line in result.lines:
        assert line.formula in text
        assert line.because in text
