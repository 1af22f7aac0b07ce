"""Evidence for the core: guarded functions, log-space sums, log Gamma, random numbers, and the schedules of the targets.

Each kernel's values are held to an oracle that shares nothing with it; one kernel per schedule, which calls the others, is
compared between targets.
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.kernels import gamma_function, lanes, logspace, normal_quantile, philox, scalar
from refvi.kernels.portable import portable
from refvi.laws.compare import EXACT, UNIT_ROUNDOFF, Tolerance, compare, rounding
from refvi.laws.outcome import combine
from refvi.laws.target import check_target_agreement
from refvi.oracles import special
from refvi.registry.entry import Entry, Evidence
from refvi.targets import get_target


class Inputs(NamedTuple):
    """What the three kernels below read: a table (N, D), a vector (D,), whole numbers (N,)."""

    x: np.ndarray
    bias: np.ndarray
    label: np.ndarray


def draw(count, seed=0, width=5):
    """Inputs in generic position."""
    rng = np.random.default_rng(seed)
    return Inputs(rng.normal(size=(count, width)), rng.normal(size=width), rng.integers(0, width, count))


@portable
def core_row(item, inputs, out, scratch):
    """Log-space sums, special functions and random numbers of one item.

    Shapes      item (), inputs Inputs, out (7,), scratch (D,)
    Source      none: it calls what is to be compared
    Checked by  tests/registry/test_targets.py
    """
    for j in range(scratch.shape[0]):
        scratch[j] = inputs.x[item, j] + inputs.bias[j]
    out[0] = logspace.softmax(scratch, scratch)
    out[1] = scratch[inputs.label[item]]
    out[2] = philox.standard_normal(1, 2, item, 0, 77)
    out[3] = gamma_function.log_gamma(scalar.exp(inputs.x[item, 0]))
    out[4] = gamma_function.digamma(scalar.exp(inputs.x[item, 1]))
    out[5] = float(philox.categorical_from_uniform(scratch, philox.uniform(3, 1, item, 0, 7)))
    out[6] = scalar.log1mexp(-scalar.softplus(inputs.x[item, 2]))


@portable
def core_pair(datum, sample, inputs, out, scratch):
    """Terms of both signs, far apart in size.

    Shapes      datum (), sample (), inputs Inputs, out (2,), scratch (1,)
    Source      none: it calls what is to be compared
    Checked by  tests/registry/test_targets.py
    """
    scratch[0] = philox.standard_normal(0, 0, datum, sample, 5)
    out[0] = scalar.log_sigmoid(inputs.x[datum, sample] + scratch[0])
    out[1] = scalar.exp(10.0 * scratch[0]) * inputs.bias[sample]


@portable
def core_state(state, inputs, out, scratch):
    """A log weight from the bits of the state, and two values.

    Shapes      state (), inputs Inputs, out (3,), scratch (1,)
    Source      none: it calls what is to be compared
    Checked by  tests/registry/test_targets.py
    """
    for bit in range(inputs.bias.shape[0]):
        scratch[0] = float((state >> bit) & 1)
        out[0] += 3.0 * scratch[0] * inputs.bias[bit] - scalar.softplus(inputs.bias[bit])
        out[1] += scratch[0]
    out[2] = inputs.x[state, 0]


SCHEDULES = {
    "rows": (core_row, lambda n: (n, 7), {"scratch": 5}),
    "pairs": (core_pair, lambda n: (n, 5, 2), {"scratch": 1}),
    "states": (core_state, lambda n: (min(n, 32), 2), {"scratch": 1}),
}


def check_schedule(schedule, quick=True, target="python"):
    """One schedule on a target against plain Python, for 1, 2, 3 and 8 threads."""
    kernel, sizes, options = SCHEDULES[schedule]
    count = 37 if quick else 300
    return check_target_agreement(
        get_target("python"), get_target(target), schedule, kernel, draw(count), *sizes(count), **options
    )


POINTS = [
    float(x)
    for x in np.concatenate(
        [np.linspace(-700.0, 700.0, 29), np.logspace(-12, 1, 14), -np.logspace(-12, 1, 14)]
    )
]
ROUTES = {
    "softplus": (scalar.softplus, special.softplus),
    "sigmoid": (scalar.sigmoid, special.sigmoid),
    "log_sigmoid": (scalar.log_sigmoid, lambda x: -special.softplus(-x)),
    "log1mexp": (lambda x: scalar.log1mexp(-abs(x)), lambda x: special.log1mexp(-abs(x)) if x else -math.inf),
}


def check_scalar(name, quick=True, target="python"):  # noqa: ARG001 - one signature for all evidence
    """A guarded function to relative precision over its whole range."""
    kernel, oracle = ROUTES[name]
    want = np.array([oracle(x) for x in POINTS])
    found = np.array([kernel(x) for x in POINTS])
    return compare("value is that of long arithmetic", want, found, rounding(np.abs(want)), name)


def check_log_sum(quick=True, target="python"):  # noqa: ARG001
    """Log-sum-exp, log-mean-exp and softmax of vectors, absent terms and shifts by 700 among them."""
    rng, outcomes = np.random.default_rng(3), []
    for shift in (0.0, -700.0, 700.0):
        values = np.append(rng.normal(size=6) * 5.0 + shift, -math.inf)
        want, weights = special.log_sum(values), np.zeros(7)
        size = np.max(np.abs(values[:-1])) + math.log(7.0)
        found = logspace.softmax(values, weights), logspace.log_sum(values), logspace.log_mean(values)
        tolerance = rounding(np.full(3, size))
        expected = np.array([want, want, want - math.log(7.0)])
        outcomes.append(
            compare("value is that of long arithmetic", expected, np.array(found), tolerance, "log_sum")
        )
        share = np.array([math.exp(v - want) for v in values])
        outcomes.append(
            compare("softmax is the gradient", share, weights, rounding(size * share + 1e-300), "softmax")
        )
    return combine("value is that of long arithmetic", outcomes)


def check_log_gamma(quick=True, target="python"):  # noqa: ARG001
    """log Gamma at halves of whole numbers, its derivative at whole numbers."""
    halves, whole = range(1, 60), range(1, 40)
    want = np.array([special.log_gamma_of_half(n) for n in halves])
    found = np.array([gamma_function.log_gamma(0.5 * n) for n in halves])
    slope = np.array([special.digamma_of_whole(n) for n in whole])
    slope_found = np.array([gamma_function.digamma(float(n)) for n in whole])
    law = "value is that of factorials and fractions"
    return combine(
        law,
        [
            compare(law, want, found, rounding(np.abs(want)), "log_gamma"),
            compare(law, slope, slope_found, rounding(np.abs(slope) + 1.0), "digamma"),
        ],
    )


def check_philox(quick=True, target="python"):  # noqa: ARG001
    """The known answers of Random123 for philox4x32 with ten rounds."""
    full = 2**32 - 1
    counters = [(0, 0, 0, 0), (full,) * 4, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)]
    seeds = [0, 2**64 - 1, 0xA4093822 | 0x299F31D0 << 32]
    words = [
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ]
    found = np.array([philox.philox(*c, s) for c, s in zip(counters, seeds, strict=True)])
    return compare("known answers of Random123", np.array(words), found, EXACT, "word")


def check_quantile(quick=True, target="python"):  # noqa: ARG001
    """Phi(Phi^-1(p)) = p, with Phi from erfc; an error u |z| of the quantile z moves p by u |z| phi(z)."""
    p = np.concatenate([np.linspace(0.01, 0.99, 99), 10.0 ** -np.arange(3.0, 300.0, 9.0)])
    z = np.array([normal_quantile.normal_quantile(float(v)) for v in p])
    found = np.array([0.5 * math.erfc(-v / math.sqrt(2.0)) for v in z])
    # erfc's argument is rounded, which moves it by u |z| phi(z) <= u (z^2 + 1) p in the lower tail
    tolerance = rounding(p * (z * z + 1.0))
    return compare("distribution function undoes the quantile", p, found, tolerance, "p")


def check_long_sum(quick=True, target="python"):  # noqa: ARG001
    """A lane keeps what its sum loses: terms of both signs over twelve orders of magnitude, by `math.fsum`."""
    rng = np.random.default_rng(4)
    count = 2000 if quick else 50_000
    terms = rng.normal(size=(count, 2)) * 10.0 ** rng.uniform(-6, 6, (count, 2))
    sums, found = np.zeros((2, 2, 2)), np.zeros(2)
    for index, row in enumerate(terms):
        lanes.add(sums[index % 2], row)
    lanes.total_of_lanes(sums, found)
    want = np.array([math.fsum(column) for column in terms.T])
    size = 2.0 * UNIT_ROUNDOFF * np.abs(want) + count * UNIT_ROUNDOFF**2 * np.abs(terms).sum(0)
    return compare("sum is the exact sum", want, found, Tolerance(size, "2·u·|sum| + n·u²·S"), "sum")


KERNELS = {
    "scalar": [scalar.softplus, scalar.sigmoid, scalar.log_sigmoid, scalar.log1mexp],
    "logspace": [logspace.log_sum, logspace.softmax],
    "gamma_function": [gamma_function.log_gamma, gamma_function.digamma, gamma_function.trigamma],
    "philox": [philox.philox, philox.uniform, philox.standard_normal],
    "lanes": [lanes.add, lanes.weigh],
}
ENTRIES = [
    Entry(f"kernels.{k.__name__}", "kernel", "core", k) for kernels in KERNELS.values() for k in kernels
]
ENTRIES += [Entry("kernels.normal_quantile", "kernel", "core", normal_quantile.normal_quantile)]
ENTRIES += [
    Entry(f"targets.{schedule}", "algorithm", "core", getattr(get_target("python"), schedule))
    for schedule in SCHEDULES
]

EVIDENCE = [
    Evidence(
        "core", f"kernels.{name}", "value is that of long arithmetic", "8·u·|value|",
        lambda quick, target, name=name: check_scalar(name, quick, target),
    )
    for name in ROUTES
]  # fmt: skip
EVIDENCE += [
    Evidence("core", f"kernels.{name}", law, tolerance, check)
    for name, law, tolerance, check in (
        (
            "log_sum",
            "value is that of long arithmetic",
            "8·u·S, S = the largest entry and log K",
            check_log_sum,
        ),
        ("log_gamma", "value is that of factorials and fractions", "8·u·S", check_log_gamma),
        ("philox", "known answers of Random123", "equal words", check_philox),
        ("normal_quantile", "distribution function undoes the quantile", "8·u·p·(z² + 1)", check_quantile),
        ("add", "sum is the exact sum", "2·u·|sum| + n·u²·S", check_long_sum),
    )
]
EVIDENCE += [
    Evidence(
        "core", f"targets.{schedule}", "a target agrees with plain Python", "equal bits; 64·u·S on a device",
        lambda quick, target, schedule=schedule: check_schedule(schedule, quick, target), ("python", "cpu", "cuda"),
    )
    for schedule in SCHEDULES
]  # fmt: skip
