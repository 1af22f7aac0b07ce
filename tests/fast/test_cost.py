"""The estimate of cost: with a clock that counts units of work it is the number of units of the whole computation."""

import numpy as np
import pytest
from sbn_twins import model
from test_shards import MODELS

from refvi.errors import UsageError
from refvi.fast import cost, layout, log_domain
from refvi.fast.arguments import read_problem
from refvi.fast.pieces import evidence_pieces

BATCH = 4


@pytest.fixture(params=MODELS, ids=str)
def network(request, monkeypatch):
    """All routes, top bits and two parts of the data; the clock says one second for each unit."""
    K, D, scale = request.param
    monkeypatch.setattr(layout, "TABLE_BITS", 8)
    monkeypatch.setattr(layout, "WORTH_COMPILING", 1)
    monkeypatch.setattr(log_domain, "BLOCK", D << 7)
    monkeypatch.setattr("refvi.fast.network.DATA_AT_ONCE", 2)
    monkeypatch.setattr(cost, "_timed", lambda run, most: (run(most), (most, float(most)))[1])
    _, W, b, c = model(K, D, scale=scale)
    return (np.random.default_rng(1).random((BATCH, D)) < 0.5) * 1.0, W, b, c


def test_the_estimate_is_the_number_of_pieces(network):
    found = cost.estimate(*network)
    assert found.evidence == pytest.approx(evidence_pieces(read_problem(*network)).total, rel=1e-12)
    assert found.posterior == 0.0
    assert found.seconds == found.evidence
    assert found.states == 2.0 ** network[3].size
    assert found.rate * found.evidence == pytest.approx(found.factors)


def test_another_hidden_unit_doubles_everything(network):
    x, W, b, c = network
    small = cost.estimate(*network, gradient=True)
    large = cost.estimate(x, np.concatenate([W, W[:, :1] * 0], axis=1), b, np.append(c, 0.0), gradient=True)
    assert large.states == 2 * small.states
    assert large.evidence == pytest.approx(2 * small.evidence)
    assert large.posterior == pytest.approx(2 * small.posterior)
    assert small.seconds == small.evidence + small.posterior


@pytest.mark.parametrize("scale", [0.01, 800.0])
def test_no_model_is_too_large_to_be_judged(scale):
    found = cost.estimate(*model(K=200, D=4, scale=scale), gradient=True)
    assert 1e40 < found.seconds < 1e70


def test_bad_arguments_are_named():
    x, W, b, c = model(K=5, D=3)
    with pytest.raises(UsageError, match="x must hold zeros and ones"):
        cost.estimate(x + 0.5, W, b, c)
