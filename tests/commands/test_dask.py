"""Dask: a cluster of processes of which one is killed half-way gives the bits of a computation that nobody disturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor

import numpy as np
import pytest
from sbn_twins import model

from refvi.commands.executors import open_executor
from refvi.errors import UsageError
from refvi.fast.shards import sharded_log_evidence, sharded_log_evidence_gradient

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
# Small enough that no worker loads a compiler: 32 blocks in the log domain.
NETWORK = model(K=16, D=7, scale=3.0)
QUIET = {"processes": True, "dashboard_address": ":0", "silence_logs": 50}
FIELDS = ("log_evidence", "grad_W", "grad_b", "grad_c")


@pytest.fixture(scope="module")
def cluster():
    """Two processes, each with a nanny that replaces it when it dies."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **QUIET) as found:
        yield found


@pytest.fixture
def address(cluster):
    return "dask://" + cluster.scheduler_address.removeprefix("tcp://")


class Slow(Executor):
    """An executor whose tasks take a moment longer, so that there is a half-way."""

    def __init__(self, inner):
        self.inner = inner

    def submit(self, function, *arguments):
        # A lambda travels by value: the workers cannot import this file.
        task = lambda function, *arguments: (__import__("time").sleep(0.05), function(*arguments))[1]
        return self.inner.submit(task, function, *arguments)


def processes(executor):
    """The process numbers of the workers, asked through the executor of a client."""
    return set(executor._client.run(os.getpid).values())


def test_a_killed_worker_changes_no_bit(address):
    exact, killed, told = sharded_log_evidence_gradient(*NETWORK), [], []
    with open_executor(address) as workers:
        assert workers.at_once == 2
        before = processes(workers.executor)

        def progress(kind, done, total):
            told.append((kind, done, total))
            if kind == "posterior" and 2 * done >= total > done and not killed:
                killed.append(min(before))
                os.kill(killed[0], signal.SIGKILL)

        found = sharded_log_evidence_gradient(
            *NETWORK, executor=Slow(workers.executor), shards=16, threads=1, progress=progress
        )
        assert killed
        deadline = time.monotonic() + 30.0
        while len(after := processes(workers.executor)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert killed[0] not in after  # it was a worker, it is gone, and another one took its place
    assert told[-1][1] == told[-1][2]
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(exact, name))


def test_the_command_works_on_a_cluster(address, tmp_path):
    x, W, b, c = NETWORK
    np.savez(tmp_path / "m.npz", W=W, b=b, c=c)
    np.save(tmp_path / "x.npy", x)
    files = [str(tmp_path / "m.npz"), "--data", str(tmp_path / "x.npy")]
    command = [sys.executable, "-m", "refvi.cli", "evidence", *files, "--json", "--executor", address]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["log_evidence"] == sharded_log_evidence(*NETWORK, plain=True)
    assert "with 2 at once" in done.stderr
    assert len(done.stderr.splitlines()) == 2  # nothing of Dask's own log


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("refvi.commands.executors.PATIENCE", "300ms")
    with (
        pytest.raises(UsageError, match="must name a Dask scheduler that answers, got tcp://127.0.0.1:9"),
        open_executor("dask://127.0.0.1:9"),
    ):
        pass


def test_a_cluster_without_workers():
    with distributed.LocalCluster(n_workers=0, **QUIET) as empty:
        name = "dask://" + empty.scheduler_address.removeprefix("tcp://")
        with pytest.raises(UsageError, match="has none"), open_executor(name):
            pass


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UsageError, match=r"needs the package distributed, .*refvi\[dask\]"),
        open_executor("dask://h:1"),
    ):
        pass
