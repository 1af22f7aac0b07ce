"""Counter-based random numbers: known answers, an independent port, the quantile to 40 digits, samples."""

import functools
import math

import mpmath
import numpy as np
import pytest

from refvi.kernels import philox as module
from refvi.kernels.normal_quantile import normal_quantile
from refvi.kernels.philox import (
    bernoulli_from_uniform,
    categorical_from_uniform,
    exponential_from_uniform,
    fill_standard_normal,
    fill_uniform,
    gumbel_from_uniform,
    philox,
    standard_normal,
    uniform,
)
from refvi.laws.compare import compare, rounding
from tests.kernels.both import compiled, on_both

WORD = 2**32
# kat_vectors of Random123 for philox4x32 with 10 rounds: counter, key, output
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((WORD - 1,) * 4, (WORD - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def signed(low, high):
    """A 64-bit seed as int64: what an array of seeds holds."""
    seed = low | high << 32
    return seed - 2**64 if seed >= 2**63 else seed


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(counter, key, words):
    assert philox(*counter, signed(*key)) == words
    assert compiled(philox)(*counter, signed(*key)) == words


def port(counter, key, rounds=10, bump=True, swap=True):
    """Philox with NumPy's 64-bit unsigned products: another route to the same words."""
    c = [np.uint64(x) for x in counter]
    k = [np.uint64(x) for x in key]
    low = np.uint64(WORD - 1)
    for _ in range(rounds):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        high0, high1 = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c = [high1 ^ c[1] ^ k[0], p1 & low, high0 ^ c[3] ^ k[1], p0 & low]
        if not swap:
            c = [c[2], c[3], c[0], c[1]]
        if bump:
            k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return tuple(int(x) for x in c)


def test_independent_port():
    rng = np.random.default_rng(3)
    for _ in range(200):
        counter, key = rng.integers(0, WORD, 4).tolist(), rng.integers(0, WORD, 2).tolist()
        words = port(counter, key)
        assert philox(*counter, signed(*key)) == words
        assert compiled(philox)(*counter, signed(*key)) == words
        assert philox(*np.array(counter), np.int64(signed(*key))) == words


@pytest.mark.parametrize("wrong", [{"rounds": 9}, {"bump": False}, {"swap": False}], ids=str)
def test_mutants_miss_the_known_answers(wrong):
    assert all(port(counter, key) == words for counter, key, words in KNOWN)
    assert any(port(counter, key, **wrong) != words for counter, key, words in KNOWN)


def test_uniforms_are_odd_multiples_and_never_reach_the_ends(monkeypatch):
    rng = np.random.default_rng(4)
    for address in rng.integers(-(2**31), 2**31, (200, 5)).tolist():
        u = on_both(uniform, *address)
        assert (u * 2.0**53).is_integer()
        assert int(u * 2.0**53) % 2 == 1
    for word, want in ((0, 2.0**-53), (WORD - 1, 1.0 - 2.0**-53)):
        monkeypatch.setattr(module, "philox", lambda *_, word=word: (word,) * 4)
        assert uniform(0, 0, 0, 0, 0) == want
        assert 0.0 < want < 1.0
        assert math.isfinite(normal_quantile(want))


EVEN = np.linspace(0.005, 0.995, 199)
LOWER, UPPER = 10.0 ** np.arange(-300.0, 0.0, 7.0), 1.0 - 10.0 ** np.arange(-15.0, 0.0)
POINTS = [float(p) for p in np.concatenate([EVEN, LOWER, UPPER, [2.0**-53, 1.0 - 2.0**-53, 0.075, 0.925]])]


@functools.cache
def quantiles():
    """Newton's steps at 60 digits, started from the kernel under test but ended by the distribution function alone."""
    want = []
    with mpmath.workdps(60):
        for p in POINTS:
            x = mpmath.mpf(normal_quantile(p))
            for _ in range(3):
                x -= (mpmath.erfc(-x / mpmath.sqrt(2)) / 2 - mpmath.mpf(p)) / mpmath.npdf(x)
            want.append(float(x))
    return np.array(want)


def quantile_outcome(kernel):
    want = quantiles()
    found = np.array([kernel(p) for p in POINTS])
    return compare("quantile to 60 digits", want, found, rounding(np.abs(want)), "quantile")


def truncated(p):
    """The central rational function used everywhere."""
    q = p - 0.5
    return q * module.normal_quantile.__globals__["_centre"](0.180625 - q * q)


@pytest.mark.parametrize(
    "mutant",
    [
        lambda p: -normal_quantile(p),
        lambda p: 0.5 * normal_quantile(p),
        truncated,
        lambda p: normal_quantile(p) * (1 + 1e-14),
    ],
    ids=["sign", "factor", "tails dropped", "last digits"],
)
def test_quantile_mutants_are_rejected(mutant):
    broken = quantile_outcome(mutant)
    assert not broken.holds
    assert "quantile[" in broken.message


def test_symmetry():
    """u and 1 - u are both odd multiples of 2^-53, and their normals differ by the sign alone."""
    for k in (0, 1, 12345, 2**50 + 7, 2**52 - 1):
        u = (k + 0.5) * 2.0**-52
        assert normal_quantile(u) == -normal_quantile(1.0 - u)


def test_samples_follow_their_distributions():
    """Dvoretzky-Kiefer-Wolfowitz at false-alarm rate 1e-9 each: sup |F_n - F| <= sqrt(log(2e9) / (2 n)) = 0.023."""
    n = 20000
    radius = math.sqrt(math.log(2e9) / (2 * n))
    fill = np.zeros(n)
    compiled(fill_uniform)(7, 0, 0, 11, fill)
    assert fill[3] == uniform(7, 0, 0, 3, 11)
    steps = (np.arange(n) + 0.5) / n
    assert np.max(np.abs(np.sort(fill) - steps)) <= radius + 0.5 / n
    compiled(fill_standard_normal)(7, 0, 1, 11, fill)
    assert fill[3] == standard_normal(7, 0, 1, 3, 11)
    erfc = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)))
    assert np.max(np.abs(erfc(np.sort(fill)) - steps)) <= radius + 0.5 / n


def test_addresses_differ_in_every_coordinate_and_the_seed():
    base = [3, 1, 4, 1, 5]
    words = {philox(*base)}
    for place in range(5):
        moved = list(base)
        moved[place] += 1
        words.add(philox(*moved))
    assert philox(3, 1, 4, 1, 5 + (1 << 32)) not in words
    assert len(words) == 6


def test_bernoulli_by_inversion():
    for u in (2.0**-53, 0.25, 1.0 - 2.0**-53):
        assert on_both(bernoulli_from_uniform, 0.0, u) == 0.0
        assert on_both(bernoulli_from_uniform, 1.0, u) == 1.0
    # exact: of the 1000 midpoints, those below p
    assert sum(bernoulli_from_uniform(0.373, (k + 0.5) / 1000) for k in range(1000)) == 373.0


def test_categorical_by_inversion():
    """On an even grid of noise the counts are the weights, whatever their scale; zero weights never come up."""
    weights = np.array([0.0, 3.0, 0.0, 5.0, 2.0, 0.0])
    for scale in (1.0, 1e-3, 1e300):
        found = [on_both(categorical_from_uniform, weights * scale, (k + 0.5) / 100) for k in range(100)]
        assert np.bincount(found, minlength=6).tolist() == [0, 30, 0, 50, 20, 0]
    assert categorical_from_uniform(weights, 1.0 - 2.0**-53) == 4
    assert categorical_from_uniform(weights, 1.0) == 4


def test_exponential_and_gumbel_by_inversion():
    for u in (2.0**-53, 0.3, 1.0 - 2.0**-53):
        assert on_both(exponential_from_uniform, u) > 0.0
        assert math.exp(-exponential_from_uniform(u)) == pytest.approx(u, rel=1e-14)
        assert math.exp(-math.exp(-on_both(gumbel_from_uniform, u))) == pytest.approx(u, rel=1e-14)


def test_words_stay_below_two_to_the_49():
    """Products of 32-bit words in halves: high and low against Python's integers."""
    for a in (0, 1, 0xFFFF, 0x10000, WORD - 1, 0xD2511F53):
        for b in (0, 1, 0xFFFF, 0x10000, WORD - 1, 0xCD9E8D57):
            assert module.multiply_words(a, b) == divmod(a * b, WORD)
            assert (a >> 16) * b + ((a & 0xFFFF) * b >> 16) < 2**49
