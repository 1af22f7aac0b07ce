"""Vector functions against 50-digit arithmetic, at their stated error; and vector instructions in the compiled code."""

import mpmath
import numpy as np
import pytest

from refvi.fast import vector_math as vm

mpmath.mp.dps = 50


def points(seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [
            rng.normal(size=400) * 8,
            rng.normal(size=200) * 1e-3,
            rng.normal(size=100) * 1e-9,
            rng.uniform(-700, 700, 300),
        ]
    )


CASES = {
    "exp": (vm.exp_all, mpmath.exp, points(), 2.0),
    "log": (vm.log_all, mpmath.log, np.exp(points()), 1.0),
    "tanh": (vm.tanh_all, mpmath.tanh, points(), 2.5),
    "softplus": (vm.softplus_all, lambda t: mpmath.log1p(mpmath.exp(t)), points(), 2.5),
}


def worst_ulp(function, exact, x):
    got = np.empty_like(x)
    function(x, got)
    truth = [exact(mpmath.mpf(float(v))) for v in x]
    return max(
        float(abs(mpmath.mpf(float(g)) - t) / mpmath.mpf(float(np.spacing(abs(float(t))))))
        for g, t in zip(got, truth)
    )


@pytest.mark.parametrize("name", CASES)
def test_stated_error(name):
    assert worst_ulp(*CASES[name][:3]) <= CASES[name][3]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("exp", lambda x, out: vm.exp_all(x * (1 + 2e-15), out)),
        ("log", lambda x, out: vm.log_all(x * (1 + 4e-15), out)),
        ("tanh", lambda x, out: vm.tanh_all(x + 1e-14, out)),
        ("softplus", lambda x, out: np.copyto(out, np.log(1 + np.exp(np.minimum(x, 700))))),
    ],
)
def test_a_slightly_wrong_one_is_rejected(name, wrong):
    assert worst_ulp(wrong, *CASES[name][1:3]) > CASES[name][3]


@pytest.mark.parametrize("name", CASES)
def test_the_loop_is_vector_code(name):
    function = CASES[name][0]
    function(np.ones(8), np.empty(8))
    assembly = "".join(function.inspect_asm().values())
    assert "zmm" in assembly or "ymm" in assembly


def test_edges_stay_finite_and_monotone():
    x = np.array([-1e9, -745.0, -708.0, 0.0, 708.0, 1e9])
    out = np.empty(6)
    vm.exp_all(x, out)
    assert np.all(np.isfinite(out))
    assert np.all(np.diff(out) >= 0)
    vm.tanh_all(x, out)
    assert np.array_equal(out, [-1, -1, -1, 0, 1, 1])
    vm.softplus_all(np.array([-40.0, 0.0, 40.0, 1e9, 1e3, 0.0]), out)
    assert out[1] == pytest.approx(np.log(2), rel=1e-15)
    assert out[3] == 1e9
