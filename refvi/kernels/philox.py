"""Random numbers without state: Philox4x32-10, a function from a counter and a key to 128 bits.

The counter is (case, replicate, sample, dimension) and the key is the seed, so every number has an address: no state, no
order of draws, no dependence on threads or launch geometry, and the same integers on every target. The integers stay
below 2^49, so that Python's integers and 64-bit machine integers agree. A uniform is an odd multiple of 2^-53: never 0,
never 1, and 1 - u is again one. A sampler is a function of uniform noise (`*_from_uniform`), which tests and users may
supply themselves; with an address instead of noise it makes its own.

Not here: densities. Library generators are not used: each has its own Philox or none, and streams that move with the device.

Source      Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3 and Table 2
Checked by  tests/kernels/test_philox.py
"""

import math

from refvi.kernels.normal_quantile import normal_quantile
from refvi.kernels.portable import portable

WORD = 0xFFFFFFFF
HALF_WORD = 0xFFFF
MULTIPLIER_0 = 0xD2511F53
MULTIPLIER_1 = 0xCD9E8D57
WEYL_0 = 0x9E3779B9
WEYL_1 = 0xBB67AE85
ROUNDS = 10
STEP = 2.0**-52


@portable
def multiply_words(a, b):
    """Upper and lower half of a product of two 32-bit words, without a 64-bit product.

    Formula     a b = 2^32 high + low
    Shapes      a (), b () -> ((), ())
    Domain      0 <= a, b < 2^32
    """
    low = (a & HALF_WORD) * b
    middle = (a >> 16) * b + (low >> 16)
    return middle >> 16, ((middle & HALF_WORD) << 16) | (low & HALF_WORD)


@portable
def philox(case, replicate, sample, dimension, seed):
    """Four random 32-bit words at an address.

    Formula     ten rounds (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)),
                the key (k0, k1) moves by the Weyl constants after each
    Shapes      case (), replicate (), sample (), dimension (), seed () -> ((), (), (), ())
    Domain      integers; the counter words are taken modulo 2^32, the seed modulo 2^64
    """
    c0, c1, c2, c3 = case & WORD, replicate & WORD, sample & WORD, dimension & WORD
    k0, k1 = seed & WORD, (seed >> 32) & WORD
    for _ in range(ROUNDS):
        high_0, low_0 = multiply_words(MULTIPLIER_0, c0)
        high_1, low_1 = multiply_words(MULTIPLIER_1, c2)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + WEYL_0) & WORD, (k1 + WEYL_1) & WORD
    return c0, c1, c2, c3


@portable
def uniform(case, replicate, sample, dimension, seed):
    """A uniform number strictly between 0 and 1.

    Formula     (k + 1/2) 2^-52 with k the leading 52 of the first 64 bits
    Shapes      case (), replicate (), sample (), dimension (), seed () -> ()
    Domain      integers
    """
    high, low, _, _ = philox(case, replicate, sample, dimension, seed)
    return (float((high << 20) | (low >> 12)) + 0.5) * STEP


@portable
def standard_normal(case, replicate, sample, dimension, seed):
    """A standard normal number, by inversion.

    Formula     Phi^-1(u)
    Shapes      case (), replicate (), sample (), dimension (), seed () -> ()
    Domain      integers; |z| < 8.3
    """
    return normal_quantile(uniform(case, replicate, sample, dimension, seed))


@portable
def fill_uniform(case, replicate, sample, seed, noise):
    """Uniform noise for all dimensions of one sample.

    Formula     noise_d = u(case, replicate, sample, d)
    Shapes      case (), replicate (), sample (), seed (), noise (D,) -> ()
    Domain      integers
    """
    for d in range(noise.shape[0]):
        noise[d] = uniform(case, replicate, sample, d, seed)


@portable
def fill_standard_normal(case, replicate, sample, seed, noise):
    """Standard normal noise for all dimensions of one sample.

    Formula     noise_d = Phi^-1(u(case, replicate, sample, d))
    Shapes      case (), replicate (), sample (), seed (), noise (D,) -> ()
    Domain      integers
    """
    for d in range(noise.shape[0]):
        noise[d] = standard_normal(case, replicate, sample, d, seed)


@portable
def bernoulli_from_uniform(probability, u):
    """A coin, by inversion.

    Formula     1 where u < p, else 0
    Shapes      probability (), u () -> ()
    Domain      0 <= p <= 1; p = 0 never gives 1 and p = 1 always does
    """
    return 1.0 if u < probability else 0.0


@portable
def categorical_from_uniform(weights, u):
    """An index drawn in proportion to weights, by inversion.

    Formula     the smallest k with u sum_j w_j < w_0 + ... + w_k
    Shapes      weights (K,), u () -> ()
    Domain      weights >= 0, not all zero; need not sum to one; an index of weight zero is never drawn
    """
    total = 0.0
    for k in range(weights.shape[0]):
        total += weights[k]
    threshold, partial, last = u * total, 0.0, 0
    for k in range(weights.shape[0]):
        partial += weights[k]
        if threshold < partial:
            return k
        if weights[k] > 0.0:
            last = k
    return last


@portable
def exponential_from_uniform(u):
    """A standard exponential number, by inversion of the upper tail.

    Formula     -log u
    Shapes      u () -> ()
    Domain      0 < u < 1
    """
    return -math.log(u)


@portable
def gumbel_from_uniform(u):
    """A standard Gumbel number, by inversion.

    Formula     -log(-log u)
    Shapes      u () -> ()
    Domain      0 < u < 1
    """
    return -math.log(-math.log(u))
