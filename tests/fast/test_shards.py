import signal
import subprocess
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from dying import DYING
from sbn_twins import UNIT, absolute_terms, model

from refvi.errors import UsageError
from refvi.fast import layout, log_domain, shards
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import log_evidence, prepare_plain
from refvi.fast.shards import sharded_log_evidence

# Routes narrow, pair and wide with top bits, and logarithms in many blocks.
MODELS = [(16, 6, 0.7), (16, 40, 2.0), (16, 40, 9.0), (13, 5, 800.0)]
BATCH = 3


@pytest.fixture(params=MODELS, ids=str)
def network(request, monkeypatch):
    K, D, scale = request.param
    monkeypatch.setattr(layout, "TABLE_BITS", 8)
    monkeypatch.setattr(layout, "WORTH_COMPILING", 1)
    monkeypatch.setattr(log_domain, "BLOCK", D << 7)
    monkeypatch.setattr("refvi.fast.network.DATA_AT_ONCE", 2)
    shards._pieces.cache_clear()
    _, W, b, c = model(K, D, scale=scale)
    yield (np.random.default_rng(1).random((BATCH, D)) < 0.5) * 1.0, W, b, c
    shards._pieces.cache_clear()


class Shuffled(Executor):
    """Runs tasks at once, the last ones first, and dies after some of them."""

    def __init__(self, lives=10**9):
        self.tasks, self.lives = [], lives

    def submit(self, function, *arguments):
        future = Future()
        self.tasks.append((future, function, arguments))
        if self.lives:
            self.lives -= 1
            future.set_result(function(*arguments))
        else:
            future.set_exception(KeyboardInterrupt())
        return future


@pytest.mark.parametrize("count", [1, 3, 64, 1000])
def test_shards_do_not_change_a_bit(network, count):
    exact = log_evidence(*network)
    np.testing.assert_array_equal(sharded_log_evidence(*network, shards=count), exact)
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(
            sharded_log_evidence(*network, executor=pool, shards=count, threads=1), exact
        )


def test_one_datum(network):
    x, *parameters = network
    assert sharded_log_evidence(x[0], *parameters, shards=5) == log_evidence(x[0], *parameters)


def test_interrupted_work_resumes_to_the_same_bits(network, tmp_path):
    path, exact = tmp_path / "kept", log_evidence(*network)
    for lives, count in ((2, 7), (0, 5), (1, 3)):
        with pytest.raises(KeyboardInterrupt):
            sharded_log_evidence(*network, executor=Shuffled(lives), shards=count, checkpoint=path)
    size = path.stat().st_size
    with open(path, "r+b") as file:  # and a crash in the middle of a line
        file.truncate(size - 20)
    np.testing.assert_array_equal(sharded_log_evidence(*network, shards=4, checkpoint=path), exact)
    size = path.stat().st_size
    np.testing.assert_array_equal(sharded_log_evidence(*network, shards=4, checkpoint=path), exact)
    assert path.stat().st_size == size + 1  # nothing was left to do


def test_finished_work_is_not_done_again(network, tmp_path):
    path, executor = tmp_path / "kept", Shuffled(2)
    with pytest.raises(KeyboardInterrupt):
        sharded_log_evidence(*network, executor=executor, shards=8, checkpoint=path)
    after = Shuffled()
    sharded_log_evidence(*network, executor=after, shards=8, checkpoint=path)
    done = [n for _, _, (_, numbers, _) in executor.tasks[:2] for n in numbers]
    again = [n for _, _, (_, numbers, _) in after.tasks for n in numbers]
    assert done
    assert not set(done) & set(again)
    assert len(done) + len(again) == shards._pieces(after.tasks[0][2][0]).total


KILLED = (
    DYING
    + """\
print(repr(shards.sharded_log_evidence(*network, shards=9, checkpoint=f"{sys.argv[1]}/kept")))
"""
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_kill_dash_nine(tmp_path):
    """A process that is killed twice, and a third that finishes, agree with one that was never disturbed."""
    network = model(K=16, D=3)
    for name, array in zip("xWbc", network):
        np.save(tmp_path / f"{name}.npy", array)
    codes = []
    for lives in ("3", "2", "99"):
        command = [sys.executable, "-c", KILLED, str(tmp_path), lives]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        codes.append(done.returncode)
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0], done.stderr
    assert done.stdout.strip() == repr(log_evidence(*network))


def test_processes_give_the_same_bits():
    network = model(K=14, D=7)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = sharded_log_evidence(*network, executor=pool, shards=4, threads=1)
    assert found == log_evidence(*network)


def test_a_file_of_other_data_is_refused(tmp_path):
    x, W, b, c = model(K=5, D=3)
    sharded_log_evidence(x, W, b, c, checkpoint=tmp_path / "kept")
    with pytest.raises(UsageError, match="same computation"):
        sharded_log_evidence(1 - x, W, b, c, checkpoint=tmp_path / "kept")


def test_bad_number_of_shards_is_named():
    with pytest.raises(UsageError, match="shards must be a positive integer, got 0"):
        sharded_log_evidence(*model(K=3, D=2), shards=0)


def test_plain_needs_nothing_compiled_whatever_the_size(network, tmp_path):
    parameters = network[1:]
    path, problem = tmp_path / "kept", read_problem(*network)
    route, given = prepare_plain(problem)
    exact = route.log_evidence(given)
    np.testing.assert_array_equal(
        sharded_log_evidence(*network, shards=3, checkpoint=path, plain=True), exact
    )
    tolerance = 16 * UNIT * absolute_terms(*parameters)
    np.testing.assert_allclose(exact, log_evidence(*network), rtol=0, atol=tolerance)
    with pytest.raises(UsageError, match="same computation"):  # other bits, other file
        sharded_log_evidence(*network, checkpoint=path)
