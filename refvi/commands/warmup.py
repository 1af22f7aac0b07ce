"""`refvi warmup`: compile everything that the main paths call, once, into the cache that all later processes read."""

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from refvi.commands.executors import leave_interrupts_to_the_parent
from refvi.errors import UsageError
from refvi.fast.threads import cores
from refvi.printing import progress
from refvi.targets.cache import directory, home


class Warmed(NamedTuple):
    """What a warm-up did.

    folder            where the cache lies
    compiled, there   machine codes that were written, and that were there before
    megabytes         size of all of them
    seconds           how long it took
    """

    folder: str
    compiled: int
    there: int
    megabytes: float
    seconds: float


def steps():
    """Name -> a call of everything that the main paths compile: exact answers, gradients, then `refvi verify`."""
    return {**_exact(), **_verified()}


def run():
    """Run every step on all cores.

    Checked by  tests/commands/test_warmup.py
    """
    folder = directory()
    if folder is None:
        raise UsageError(
            f"the compile cache must be a folder that can be written, got {home()} "
            "(REFVI_CACHE_DIR names another one; files of refvi that changed within 2 s are not cached either)"
        )
    start, before, names = time.perf_counter(), _codes(folder), list(steps())
    # Each step has its own process: Numba compiles under one lock, and cores would wait for each other.
    with (
        progress("compiling", total=len(names)) as step,
        ProcessPoolExecutor(
            min(cores(), len(names)),
            mp_context=get_context("spawn"),
            initializer=leave_interrupts_to_the_parent,
        ) as pool,
    ):
        try:
            for done in as_completed([pool.submit(_run, name) for name in names]):
                step(done.result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    after = _codes(folder)
    size = sum(os.path.getsize(path) for path in after) / 2**20
    return Warmed(
        str(folder), len(after - before), len(before), round(size, 1), round(time.perf_counter() - start, 1)
    )


def text(warmed):
    """The result for a person."""
    return (
        f"{warmed.compiled} compiled in {warmed.seconds:.1f} s, {warmed.there} were there already\n"
        f"kept in {warmed.folder} ({warmed.megabytes:.1f} MB) until refvi's sources, Numba, Python or the processor "
        f"change; REFVI_CACHE_DIR moves it"
    )


def _run(name):
    steps()[name]()
    return name


def _codes(folder):
    return set(folder.rglob("*.nbc"))


def _network(K, D, data, scale):
    """The smallest kinds of model that go to compiled code; their weights decide the route."""
    rng = np.random.default_rng(0)
    x = (rng.random((data, D)) < 0.5).astype(np.float64)
    return x, rng.normal(size=(D, K)) * scale, rng.normal(size=D), rng.normal(size=K)


NARROW, WIDE = {"K": 16, "D": 16, "scale": 0.1}, {"K": 13, "D": 128, "scale": 1.0}


def _exact():
    from refvi import fast

    def call(function, data, sizes):
        x, *parameters = _network(data=data, **sizes)
        return lambda: function(x[0] if function is fast.posterior_pair_moments else x, *parameters)

    found = {}
    for route, sizes in (("narrow", NARROW), ("wide", WIDE)):
        for function, data in (
            (fast.log_evidence, 1),
            (fast.log_evidence, 2),
            (fast.sharded_log_evidence_gradient, 1),
            (fast.sharded_log_evidence_gradient, 2),
            (fast.log_evidence_gradient, 2),
            (fast.posterior_means, 2),
            (fast.posterior_pair_moments, 1),
        ):
            found[f"{function.__name__}, {route}, {data} data"] = call(function, data, sizes)
    return {**found, "elbo_gradient_samples": _samples, "iwae_step": _autoencoder}


def _samples():
    from refvi import fast

    x, W, b, c = _network(10, 16, 1, 0.3)
    for samples in (128, 1024):  # visited, counted
        fast.elbo_gradient_samples(x[0], W, b, c, np.zeros(10), samples)
    table = fast.estimator_table(x[0], W, b, c, np.zeros(10))
    fast.elbo_gradient_from_counts(table, fast.draw_counts(table, 128))


def _autoencoder():
    from refvi.fast.batched_vae import iwae_step
    from refvi.models.gaussian_vae import Decoder, Encoder

    rng = np.random.default_rng(0)
    for method, (X, Z, H, N) in (
        ("direct", (16, 2, 8, 4)),  # all at once
        ("direct", (256, 2, 128, 128)),  # in pieces
        ("gram", (16, 2, 8, 4)),
    ):
        phi = Encoder(*(rng.normal(size=shape) for shape in ((H, X), H, (Z, H), Z, (Z, H), Z)))
        theta = Decoder(*(rng.normal(size=shape) for shape in ((H, Z), H, (X, H), X, X)))
        iwae_step(rng.normal(size=(N, X)), theta, phi, rng.normal(size=(N, 1, Z)), method)


def _verified():
    from refvi.registry.verify import plan

    tasks = [task for task in plan(quick=True, targets=("cpu",)) if task.target == "cpu"]
    return {f"verify: {task.subject}, {task.law}": task.run for task in tasks}
