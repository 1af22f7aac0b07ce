import numpy as np
import pytest

from refvi.fast.philox_lanes import draw_words
from refvi.kernels.philox import philox, uniform

ADDRESSES = [(0, 0, 0), (3, 0, 0), (2**64 - 1, 5, 2**32 - 3), (0xDEADBEEFCAFEF00D, 7, 123456)]


def by_portable_kernel(seed, replicate, sample, dimension):
    """The two numbers, from the words of the portable kernel in plain Python."""
    words = philox(0, replicate, sample, dimension, seed)
    return (words[0] << 20) | (words[1] >> 12), (words[2] << 20) | (words[3] >> 12)


@pytest.mark.parametrize("dimension", [0, 1, 9])
@pytest.mark.parametrize(("seed", "replicate", "first"), ADDRESSES)
def test_integers_are_those_of_the_portable_kernel(seed, replicate, first, dimension):
    """Also where the seed has two words and the number of the sample wraps."""
    one, two = np.empty(128, np.uint64), np.empty(128, np.uint64)
    draw_words(np.uint64(seed), np.uint64(replicate), np.uint64(first), np.uint64(dimension), one, two)
    wanted = [by_portable_kernel(seed, replicate, first + q, dimension) for q in range(128)]
    assert [(int(a), int(b)) for a, b in zip(one, two)] == wanted


def test_first_number_is_the_uniform_of_dimension_zero():
    one, two = np.empty(128, np.uint64), np.empty(128, np.uint64)
    draw_words(np.uint64(9), np.uint64(2), np.uint64(40), np.uint64(0), one, two)
    assert [(float(w) + 0.5) * 2.0**-52 for w in one] == [uniform(0, 2, 40 + q, 0, 9) for q in range(128)]
