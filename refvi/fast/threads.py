"""Independent pieces of compiled work on threads that hold no interpreter lock.

Threads of Python, not Numba's `parallel=True`: that compiles several times slower, needs a threading layer, and one
of its layers aborts the process when two threads enter it together. Pieces are handed out as threads become free;
they are computed by the same machine code whoever takes them, so that no bit depends on the number of threads.
A thread that wakes up is put on the core of its caller more often than not, and work of a few milliseconds is over
before the system moves it: helpers are kept off that core.
"""

import contextlib
import functools
import os
import threading
from collections import deque
from typing import Any, NamedTuple

SERIAL_BELOW = 1 << 22  # factors, some 0.2 ms: waking a thread costs a good part of that
PIECES = 4  # for each thread, so that a thread that loses its core does not hold up the others


def share(run, count, work, threads=None):
    """Call run(first, last) over a partition of range(count), in this thread and others.

    work      size of the whole in factors; small work stays in this thread
    threads   how many may run at once; None means one for each core
    """
    threads = min(threads or cores(), count)
    if threads == 1 or work < SERIAL_BELOW:
        run(0, count)
        return
    size = -(-count // (PIECES * threads))
    pieces = deque((first, min(first + size, count)) for first in range(0, count, size))

    def worker():
        while True:
            try:
                piece = pieces.popleft()
            except IndexError:
                return
            run(*piece)

    pool = _pool(os.getpid(), threads - 1)
    keep_off_this_core(pool.members)
    others = [pool.executor.submit(worker) for _ in range(threads - 1)]
    worker()
    for other in others:
        other.result()


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_off_this_core(members):
    """Let threads run on every core that this thread may use but the one it is on, if the others are enough for them.

    members   native identifiers of threads

    Where the system does not let cores be chosen nothing happens: this is about time, not about results.
    Checked by  tests/fast/test_threads.py
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    others = os.sched_getaffinity(0) - {_current_core()}
    if len(members) > len(others):
        others = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):
        for member in members:
            os.sched_setaffinity(member, others)


@functools.cache
def _libc():
    import ctypes

    return ctypes.CDLL(None)


def _current_core():
    return _libc().sched_getcpu()


class _Pool(NamedTuple):
    """Threads that wait for work, with their native identifiers."""

    executor: Any
    members: set


@functools.cache
def _pool(process, size):
    """Threads of this process; those of a forked parent are of no use to the child."""
    from concurrent.futures import ThreadPoolExecutor

    members: set = set()
    name = f"refvi-{process}"
    return _Pool(ThreadPoolExecutor(size, name, lambda: members.add(threading.get_native_id())), members)
