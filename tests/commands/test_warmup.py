"""`refvi warmup`: it covers every route, says what it did, and leaves nothing to compile for the commands it is made for."""

import os
import subprocess
import sys

import numpy as np
import pytest

from refvi.commands import warmup
from refvi.errors import UsageError
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import prepare_compiled
from refvi.fast.network import Route
from refvi.targets.cache import directory


@pytest.mark.parametrize(
    ("sizes", "route"), [(warmup.NARROW, Route.NARROW), (warmup.WIDE, Route.WIDE)], ids=["narrow", "wide"]
)
def test_models_take_the_route_they_stand_for(sizes, route):
    assert prepare_compiled(read_problem(*warmup._network(data=2, **sizes))).route is route


def test_it_walks_exact_answers_and_verify():
    names = list(warmup.steps())
    assert len(names) == len(set(names)) > 20
    for part in (
        "log_evidence, narrow, 1",
        "log_evidence, wide",
        "gradient, narrow, 2",
        "iwae_step",
        "verify: ",
    ):
        assert any(part in name for name in names), part


LISTENED = """
import sys
from numba.core import event

class Names(event.Listener):
    def on_start(self, event):
        print("compiled:", event.data["dispatcher"].py_func.__name__, file=sys.stderr)

    def on_end(self, event):
        pass

event.register("numba:compile", Names())
from refvi.cli import main
main()
"""


@pytest.mark.parametrize(("K", "D", "data", "scale"), [(23, 12, 1, 0.1), (22, 12, 3, 0.1), (17, 100, 1, 2.0)])
def test_nothing_is_left_to_compile(tmp_path, K, D, data, scale):
    """After the steps of a route, the command on another model of that route takes all its code from the cache."""
    route, count = ("narrow" if scale < 1.0 else "wide"), min(data, 2)
    for name, call in warmup.steps().items():
        if f"{route}, {count} data" in name and ("log_evidence," in name or "sharded" in name):
            call()
    folder = directory()
    if folder is None:
        pytest.skip("nothing is cached where files have just changed")
    assert warmup._codes(folder)
    x, W, b, c = warmup._network(K, D, data, scale)
    np.savez(tmp_path / "m.npz", W=W, b=b, c=c)
    np.save(tmp_path / "x.npy", x)
    arguments = ["evidence", str(tmp_path / "m.npz"), "--data", str(tmp_path / "x.npy"), "--grad"]

    def said(**environment):
        command = [sys.executable, "-c", LISTENED, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
        assert done.returncode == 0, done.stderr
        assert f"({route})" in done.stderr
        return done.stderr

    assert "compiled:" not in said()
    if route == "narrow" and data == 1:
        assert "compiled: narrow_strips" in said(REFVI_CACHE_DIR=str(tmp_path / "empty"))


def test_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr(warmup, "directory", lambda: tmp_path)
    monkeypatch.setattr(warmup, "steps", lambda: {"nothing": int})
    monkeypatch.setattr(warmup, "_run", int)
    (tmp_path / "old.nbc").write_bytes(b"0" * 2**20)
    calls = iter([set(tmp_path.iterdir()), {*tmp_path.iterdir(), *_new(tmp_path)}])
    monkeypatch.setattr(warmup, "_codes", lambda folder: next(calls))
    monkeypatch.setattr(warmup, "ProcessPoolExecutor", _Here)
    said = warmup.text(warmup.run())
    assert "2 compiled in " in said
    assert "1 were there already" in said
    assert f"kept in {tmp_path} (1.5 MB)" in said


def _new(folder):
    for name in ("a.nbc", "b.nbc"):
        (folder / name).write_bytes(b"0" * 2**18)
        yield folder / name


class _Here:
    """An executor that computes when it is asked."""

    def __init__(self, *_, **__):
        from concurrent.futures import ThreadPoolExecutor

        self.pool = ThreadPoolExecutor(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()

    def submit(self, _function, _name):
        return self.pool.submit(int)

    def shutdown(self, **_):
        self.pool.shutdown()


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch):
    monkeypatch.setattr(warmup, "directory", lambda: None)
    with pytest.raises(
        UsageError, match="the compile cache must be a folder that can be written, got .*REFVI_CACHE_DIR"
    ):
        warmup.run()
