"""The gradient in shards: that of `log_evidence_gradient`, and the same bits however it was cut and interrupted."""

import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
from dying import DYING
from hypothesis import given, settings
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, enumerate_states, model
from test_shards import BATCH, MODELS, Shuffled

from refvi.fast import layout, log_domain, posterior_pieces, shards
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import log_evidence, prepare_plain
from refvi.fast.gradient import log_evidence_gradient
from refvi.fast.shards import sharded_log_evidence, sharded_log_evidence_gradient
from refvi.laws.outcome import Outcome, combine

FIELDS = ("log_evidence", "grad_W", "grad_b", "grad_c")


@pytest.fixture(params=MODELS, ids=str)
def network(request, monkeypatch):
    """Routes narrow, pair and wide with top bits and several parts of the data, and logarithms in many groups."""
    K, D, scale = request.param
    monkeypatch.setattr(layout, "TABLE_BITS", 8)
    monkeypatch.setattr(layout, "WORTH_COMPILING", 1)
    monkeypatch.setattr(log_domain, "BLOCK", D << 7)
    monkeypatch.setattr(log_domain, "GROUPS", 16)
    monkeypatch.setattr("refvi.fast.network.DATA_AT_ONCE", 2)
    shards._pieces.cache_clear()
    _, W, b, c = model(K, D, scale=scale)
    yield (np.random.default_rng(1).random((BATCH, D)) < 0.5) * 1.0, W, b, c
    shards._pieces.cache_clear()


def law_is_the_gradient(subject, network, exact=None):
    """Evidence and gradient of a batch within 32 u S B of the unsharded ones, S the largest absolute sum of a state."""
    exact, found = exact or log_evidence_gradient(*network), subject(*network)
    tolerance = 32 * UNIT * absolute_terms(*network[1:]) * max(1, np.size(exact.log_evidence))
    return combine(
        "sharded gradient is the gradient",
        (
            Outcome(f, float(np.abs(getattr(found, f) - getattr(exact, f)).max()) / tolerance, 1, f)
            for f in FIELDS
        ),
    )


def same_bits(found, exact):
    assert all(np.array_equal(getattr(found, f), getattr(exact, f)) for f in FIELDS)


def test_sharded_gradient_is_the_gradient(network):
    law_is_the_gradient(sharded_log_evidence_gradient, network).raise_if_broken()
    np.testing.assert_array_equal(
        sharded_log_evidence_gradient(*network).log_evidence, log_evidence(*network)
    )


@settings(deadline=None, derandomize=True, max_examples=25)
@given(networks())
def test_sharded_gradient_is_the_enumerated_one(network):
    law_is_the_gradient(sharded_log_evidence_gradient, network, enumerate_states(*network)).raise_if_broken()


def a_bit_out_of_place(monkeypatch):
    monkeypatch.setattr(posterior_pieces, "_in_order", lambda table, split, bits: table)
    return "grad_W"


def one_group_left_out(monkeypatch):
    sums = posterior_pieces.group_sums

    def missing(network, states, scale, top, group, groups):
        found = sums(network, states, scale, top, group, groups)
        return tuple(part * (group != 0) for part in found)

    monkeypatch.setattr(posterior_pieces, "group_sums", missing)
    return "grad_W"


def scale_of_another_datum(monkeypatch):
    build = posterior_pieces.posterior_pieces
    monkeypatch.setattr(
        shards, "posterior_pieces", lambda problem, scale, plain: build(problem, scale[::-1], plain)
    )
    return "grad_W"


def top_states_swapped(monkeypatch):
    sums = posterior_pieces.group_sums
    monkeypatch.setattr(
        posterior_pieces,
        "group_sums",
        lambda network, states, scale, top, *rest: sums(network, states, scale, top ^ 1, *rest),
    )
    return "grad_W"


MUTANTS = [a_bit_out_of_place, one_group_left_out, scale_of_another_datum, top_states_swapped]


@pytest.mark.parametrize("network", MODELS[:1], ids=str, indirect=True)
@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda f: f.__name__)
def test_law_rejects(network, monkeypatch, mutate):
    field = mutate(monkeypatch)
    found = law_is_the_gradient(sharded_log_evidence_gradient, network)
    assert not found.holds
    assert found.worst > 1e3
    assert field in FIELDS


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_shards_and_threads_do_not_change_a_bit(network, count):
    exact = sharded_log_evidence_gradient(*network, threads=1)
    same_bits(sharded_log_evidence_gradient(*network, shards=count, threads=2), exact)
    with ThreadPoolExecutor(3) as pool:
        same_bits(sharded_log_evidence_gradient(*network, executor=pool, shards=count, threads=1), exact)


def test_one_datum(network):
    x, *parameters = network
    one = sharded_log_evidence_gradient(x[0], *parameters)
    assert isinstance(one.log_evidence, float)
    batch = sharded_log_evidence_gradient(x[:1], *parameters)
    same_bits(one, batch._replace(log_evidence=batch.log_evidence[0]))
    law_is_the_gradient(sharded_log_evidence_gradient, (x[0], *parameters)).raise_if_broken()


def test_interrupted_work_resumes_to_the_same_bits(network, tmp_path):
    path, exact = tmp_path / "kept", sharded_log_evidence_gradient(*network)
    for lives, count in (
        (2, 7),
        (7, 5),
        (3, 4),
        (1, 3),
    ):  # the first two die in the evidence, the others later
        with pytest.raises(KeyboardInterrupt):
            sharded_log_evidence_gradient(*network, executor=Shuffled(lives), shards=count, checkpoint=path)
    with open(path, "r+b") as file:  # and a crash in the middle of a line
        file.truncate(path.stat().st_size - 20)
    same_bits(sharded_log_evidence_gradient(*network, shards=4, checkpoint=path), exact)
    size = path.stat().st_size
    same_bits(sharded_log_evidence_gradient(*network, shards=4, checkpoint=path), exact)
    assert path.stat().st_size == size + 1  # nothing was left to do


def test_plain_needs_nothing_compiled_whatever_the_size(network):
    plain = partial(sharded_log_evidence_gradient, plain=True)
    law_is_the_gradient(plain, network).raise_if_broken()
    route, given = prepare_plain(read_problem(*network))
    np.testing.assert_array_equal(plain(*network).log_evidence, route.log_evidence(given))


def test_a_checkpoint_of_the_evidence_serves_the_gradient(network, tmp_path):
    path, told = tmp_path / "kept", []
    sharded_log_evidence(*network, checkpoint=path)
    sharded_log_evidence_gradient(*network, checkpoint=path, progress=lambda *now: told.append(now))
    assert [kind for kind, done, total in told if kind == "evidence"] == ["evidence"]
    assert told[0][1] == told[0][2] > 0
    assert told[-1][0] == "posterior"
    assert told[-1][1] == told[-1][2] > 0
    assert [now[1] for now in told[1:]] == sorted(now[1] for now in told[1:])


KILLED = (
    DYING
    + """\
found = shards.sharded_log_evidence_gradient(*network, shards=4, checkpoint=f"{sys.argv[1]}/kept")
np.savez(f"{sys.argv[1]}/found.npz", **found._asdict())
"""
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_kill_dash_nine(tmp_path):
    """Killed in the evidence and again in the gradient, a third process agrees with one that was never disturbed."""
    network = model(K=14, D=7)
    for name, array in zip("xWbc", network):
        np.save(tmp_path / f"{name}.npy", array)
    codes = []
    for lives in ("3", "4", "99"):
        command = [sys.executable, "-c", KILLED, str(tmp_path), lives]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        codes.append(done.returncode)
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0], done.stderr
    exact = sharded_log_evidence_gradient(*network)
    with np.load(tmp_path / "found.npz") as found:
        assert all(np.array_equal(found[f], getattr(exact, f)) for f in FIELDS)


def test_processes_give_the_same_bits():
    network = model(K=12, D=7)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = sharded_log_evidence_gradient(*network, executor=pool, shards=4, threads=1)
    same_bits(found, sharded_log_evidence_gradient(*network))
