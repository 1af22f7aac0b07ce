"""Flat views of nested parameters."""

from typing import NamedTuple

import numpy as np

from refvi.oracles.trees import leaves, ravel


class Layer(NamedTuple):
    weights: np.ndarray
    bias: float


TREE = {"encoder": Layer(np.arange(6.0).reshape(2, 3), 7.0), "sizes": np.array([1, 2]), "rest": [8.0, None]}


def test_names_read_like_the_code_that_reads_the_entry():
    assert [path for path, _ in leaves(TREE)] == ["encoder.weights", "encoder.bias", "sizes", "rest[0]"]
    _, _, names = ravel(TREE)
    assert names[5] == "encoder.weights[1, 2]"
    assert names[6:] == ["encoder.bias", "sizes[0]", "sizes[1]", "rest[0]"]


def test_rebuild_is_the_inverse_and_keeps_integers_when_asked():
    vector, rebuild, names = ravel(TREE, floating=True)
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    assert len(names) == 8
    again = rebuild(2 * vector)
    assert isinstance(again["encoder"], Layer)
    assert again["encoder"].weights.tolist() == [[0, 2, 4], [6, 8, 10]]
    assert again["sizes"] is TREE["sizes"]
    assert again["rest"] == [16.0, None]


def test_a_bare_array_and_a_bare_number():
    assert ravel(np.array([1.0, 2.0]))[2] == ["[0]", "[1]"]
    vector, rebuild, names = ravel(3.0)
    assert (vector.tolist(), rebuild(vector), names) == ([3.0], 3.0, ["value"])
