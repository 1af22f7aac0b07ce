import pytest

from refvi.fast.layout import LANE_BITS, LANES, OCTET, TABLE_BITS, split_bits, worth_compiling, worth_products


@pytest.mark.parametrize("K", [10, 11, 16, 24, 30, 36, 40])
@pytest.mark.parametrize("D", [1, 4, 17, 64, 784])
def test_bits_are_cut_into_whole_tiles_and_strips(K, D):
    split = split_bits(K, D)
    assert split.high + split.low + split.top == K
    assert min(split.high, split.low, split.top) >= 0
    assert (1 << split.low) % LANES == 0
    assert split.strip % OCTET == 0
    assert split.strips * split.strip == 1 << split.high
    assert split.visibles % 4 == 0
    assert 0 <= split.visibles - D < 4
    assert max(split.high, split.low) + (split.visibles - 1).bit_length() <= max(TABLE_BITS, LANE_BITS + 10)


def test_small_models_do_not_compile():
    assert not worth_compiling(K=12, D=16)
    assert not worth_compiling(K=8, D=1 << 16)
    assert worth_compiling(K=13, D=16)
    assert worth_compiling(K=16, D=16)


def test_the_smallest_models_do_not_multiply():
    assert not worth_products(K=6, D=16)
    assert worth_products(K=10, D=16)
    assert worth_products(K=2000, D=1)
