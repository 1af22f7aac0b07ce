"""The schedules: the same bits everywhere and for any number of threads, and right to a few u S however long the sum."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from refvi.errors import TargetUnavailable, UsageError
from refvi.kernels.portable import portable
from refvi.laws.compare import UNIT_ROUNDOFF, Tolerance, compare, rounding
from refvi.laws.target import check_target_agreement
from refvi.targets import get_target
from tests.targets import samples

python, cpu = get_target("python"), get_target("cpu")


@pytest.mark.parametrize("schedule", samples.SIZES)
def test_cpu_agrees_with_python_for_any_number_of_threads(schedule):
    kernel, sizes, options = samples.SIZES[schedule]
    outcome = check_target_agreement(python, cpu, schedule, kernel, samples.draw(), *sizes, **options)
    outcome.raise_if_broken()
    assert outcome.cases > 8


@pytest.mark.parametrize("lanes", [1, 3, 64, 100])
def test_any_number_of_lanes(lanes):
    inputs = samples.draw()
    for schedule in ("pairs", "states"):
        kernel, sizes, options = samples.SIZES[schedule]
        check_target_agreement(
            python, cpu, schedule, kernel, inputs, *sizes, lanes=lanes, threads=(1, 3), **options
        ).raise_if_broken()


class Terms(NamedTuple):
    """Terms of a sum, or log weights beside their values."""

    terms: np.ndarray


@portable
def term(datum, sample, inputs, out, scratch):
    out[0] = inputs.terms[datum, sample]


@portable
def weighted(index, inputs, out, scratch):
    out[0] = inputs.terms[index, 0]
    out[1] = inputs.terms[index, 1]


def mean_of(table):
    """Log of the sum of weights and the weighted mean, by `math.fsum`; S of both."""
    top = np.max(table[:, 0])
    weights = [math.exp(w - top) for w in table[:, 0]]
    total = math.fsum(weights)
    mean = math.fsum(w * v for w, v in zip(weights, table[:, 1], strict=True)) / total
    scale = math.fsum(w * abs(v) for w, v in zip(weights, table[:, 1], strict=True)) / total
    log_total = top + math.log(total)
    # a log weight w is given to u |w|, which moves a weight by that much relative to it
    return np.array([log_total, mean]), np.array([abs(log_total) + 1.0, scale * (1.0 + abs(top))])


@pytest.mark.parametrize("order", ["random", "rising", "falling", "cancelling"])
def test_long_sums_keep_their_digits(order):
    """A quarter of a million terms, right to the last bits of the sum itself: rounding errors enter only squared."""
    rng = np.random.default_rng(1)
    terms = rng.normal(size=250_000) * 10.0 ** rng.uniform(-6, 6, 250_000)
    terms = {"random": terms, "rising": np.sort(np.abs(terms)), "falling": -np.sort(-np.abs(terms))}.get(
        order, np.concatenate([terms, -terms[::-1]])
    )
    found = cpu.pairs(term, Terms(terms.reshape(-1, 10)), len(terms) // 10, 10, 1)
    want, size = math.fsum(terms), math.fsum(np.abs(terms))
    tolerance = 2.0 * UNIT_ROUNDOFF * abs(want) + len(terms) * UNIT_ROUNDOFF**2 * size
    compare("sum", np.array([want]), found, Tolerance(tolerance, "2·u·|sum| + n·u²·S")).raise_if_broken()
    if order == "rising":
        lost = abs(float(np.cumsum(terms)[-1]) - want)
        assert lost > tolerance, "plain addition would have passed: this test says nothing"


@pytest.mark.parametrize("order", ["random", "rising", "falling", "far below", "far above"])
def test_long_weighted_sums_keep_their_digits(order):
    rng = np.random.default_rng(2)
    log_weights = rng.normal(size=100_000) * 3.0
    log_weights = {
        "rising": np.sort(log_weights),
        "falling": -np.sort(-log_weights),
        "far below": log_weights - 5000.0,
        "far above": log_weights + 5000.0,
    }.get(order, log_weights)
    table = np.stack([log_weights, rng.normal(size=100_000)], 1)
    want, size = mean_of(table)
    compare("mean", want, cpu.states(weighted, Terms(table), len(table), 1), rounding(size)).raise_if_broken()


@pytest.mark.parametrize(
    ("log_weights", "want"),
    [
        ([], [-math.inf, math.nan]),
        ([-math.inf, -math.inf], [-math.inf, math.nan]),
        ([math.nan, 1.0], [math.nan, math.nan]),
        ([1.0, math.inf, math.nan], [math.nan, math.nan]),
        ([1.0, math.inf, 2.0], [math.inf, 1.0]),
        ([-800.0, 800.0], [800.0, 1.0]),
        ([1e300, 1e300], [1e300, 0.5]),
        ([-math.inf, 0.0, -math.inf], [0.0, 1.0]),
        ([0.0, -math.inf], [0.0, 0.0]),
    ],
)
def test_edges_of_weights(log_weights, want):
    """Values 0, 1, 2, ...; a state of weight zero counts for nothing even where its value is not finite."""
    values = np.where(np.array(log_weights) == -math.inf, math.nan, np.arange(len(log_weights)))
    table = Terms(np.stack([np.array(log_weights, dtype=float), values], 1).reshape(-1, 2))
    for lanes in (1, 2, 64):
        for target in (python, cpu):
            found = target.states(weighted, table, len(log_weights), 1, lanes=lanes)
            np.testing.assert_array_equal(found, want)


def test_edges_of_sums():
    for terms, want in (
        ([], 0.0),
        ([math.inf, 1.0], math.inf),
        ([math.inf, -math.inf], math.nan),
        ([math.nan], math.nan),
    ):
        for target in (python, cpu):
            found = target.pairs(term, Terms(np.array(terms, dtype=float).reshape(-1, 1)), len(terms), 1, 1)
            np.testing.assert_array_equal(found, [want])


@portable
def leans_on_scratch(item, inputs, out, scratch):
    """Wrong: counts on what the item before has left."""
    if not scratch[0] >= 0.0:
        scratch[0] = 0.0
    scratch[0] += inputs.terms[item, 0]
    out[0] = scratch[0]


@portable
def changes_inputs(item, inputs, out, scratch):
    """Wrong: writes into its inputs."""
    inputs.terms[item, 0] = 2.0 * inputs.terms[item, 0]
    out[0] = inputs.terms[item, 0]


def test_kernels_that_lean_on_other_items_are_found_out():
    table = Terms(np.arange(1.0, 9.0).reshape(-1, 1))
    outcome = check_target_agreement(python, cpu, "rows", leans_on_scratch, table, 8, 1, scratch=1)
    assert not outcome.holds
    assert "rows(leans_on_scratch) on cpu" in outcome.message


def test_kernels_that_change_their_inputs_are_found_out():
    table = Terms(np.arange(1.0, 9.0).reshape(-1, 1))
    outcome = check_target_agreement(python, cpu, "rows", changes_inputs, table, 8, 1)
    assert not outcome.holds


def test_inputs_of_any_layout_and_type_give_the_same_bits():
    """One compilation serves them all: Fortran order, read-only, float32, int32, strided."""
    inputs = samples.draw()
    kernel, sizes, options = samples.SIZES["rows"]
    want = cpu.rows(kernel, inputs, *sizes, **options)
    frozen = inputs.x.copy()
    frozen.flags.writeable = False
    for x in (np.asfortranarray(inputs.x), frozen, np.repeat(inputs.x, 2, axis=0)[::2]):
        other = samples.Inputs(x, inputs.bias, inputs.label.astype(np.int32))
        np.testing.assert_array_equal(cpu.rows(kernel, other, *sizes, **options), want)
    assert len(cpu._rows(kernel, False).signatures) == 1


@pytest.mark.parametrize("name", ["gpu", "CPU", ""])
def test_unknown_target(name):
    with pytest.raises(UsageError, match=f"target must be one of 'python', 'cpu', 'cuda', got '{name}'"):
        get_target(name)


def plain(item, inputs, out, scratch):
    out[0] = 1.0


@pytest.mark.parametrize("target", [python, cpu, get_target("cuda")], ids=lambda t: t.__name__)
def test_bad_arguments_get_one_sentence(target):
    kernel, sizes, options = samples.SIZES["rows"]
    inputs = samples.draw()
    with pytest.raises(UsageError, match="a kernel must be marked @portable, got 'plain'"):
        target.rows(plain, inputs, 3, 1)
    with pytest.raises(UsageError, match="width must be at least 1, got 0"):
        target.rows(kernel, inputs, 3, 0)
    with pytest.raises(UsageError, match="threads must be at least 1, got 0"):
        target.rows(kernel, inputs, *sizes, threads=0, **options)
    with pytest.raises(UsageError, match="lanes must be at least 1, got 0"):
        target.pairs(samples.pair, inputs, 3, 1, 2, 1, lanes=0)
    with pytest.raises(UsageError, match="count must not be negative, got -1"):
        target.states(samples.state, inputs, -1, 2, 1)
    with pytest.raises(UsageError, match="inputs must hold real numbers, got an array of complex128"):
        target.rows(kernel, inputs._replace(x=inputs.x + 1j), *sizes, **options)
    with pytest.raises(
        UsageError, match="inputs must be a NamedTuple of arrays and numbers, got a str in it"
    ):
        target.rows(kernel, inputs._replace(x="x"), *sizes, **options)


def test_cuda_without_a_device_says_what_to_do():
    cuda = get_target("cuda")
    if cuda.available():
        assert cuda.describe().startswith("cuda: ")
        return
    kernel, sizes, options = samples.SIZES["rows"]
    with pytest.raises(TargetUnavailable, match="needs an NVIDIA GPU and `pip install 'refvi\\[cuda\\]'`"):
        cuda.rows(kernel, samples.draw(), *sizes, **options)
    assert cuda.describe() == "cuda: no device"


def test_descriptions():
    assert python.available()
    assert cpu.available()
    assert python.describe() == "python: kernels as written"
    assert cpu.describe().startswith("cpu: numba ")
