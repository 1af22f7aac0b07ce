"""Executors by name: `threads:N` and `processes:N` here, `dask://HOST:PORT` elsewhere."""

import contextlib
import re
from typing import NamedTuple

from refvi.errors import UsageError

KINDS = "threads:N, processes:N or dask://HOST:PORT"
PATIENCE = "10s"


class Workers(NamedTuple):
    """An executor, and how many tasks it runs at once; None computes here."""

    executor: object
    at_once: int


@contextlib.contextmanager
def open_executor(name):
    """The `Workers` of a name, given up at the end; what has not begun by then is cancelled."""
    if name is None:
        yield Workers(None, 1)
    elif match := re.fullmatch(r"(threads|processes):([1-9][0-9]*)", name):
        kind, count = match[1], int(match[2])
        pool = _threads(count) if kind == "threads" else _processes(count)
        try:
            yield Workers(pool, count)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    elif match := re.fullmatch(r"dask://(.+:[0-9]+)", name):
        with _dask(f"tcp://{match[1]}") as workers:
            yield workers
    else:
        raise UsageError(f"--executor must be {KINDS}, got {name!r}")


def _threads(count):
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(count)


def _processes(count):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=leave_interrupts_to_the_parent
    )


def leave_interrupts_to_the_parent():
    """For a worker process: Control-C is the business of the process that gave the work."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _dask(address):
    import logging

    try:
        import distributed
    except ModuleNotFoundError:
        raise UsageError(
            "--executor dask:// needs the package distributed, which is not installed (pip install 'refvi[dask]')"
        ) from None
    # Its log tells of workers that come and go; what matters arrives as an exception.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"--executor must name a Dask scheduler that answers, got {address}, where none does"
        ) from error
    with client:
        count = sum(client.nthreads().values())
        if count == 0:
            raise UsageError(
                f"--executor must name a Dask scheduler with workers, got {address}, which has none"
            )
        yield Workers(client.get_executor(), count)
