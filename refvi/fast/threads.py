"""Independent pieces of compiled work on threads that hold no interpreter lock.

Threads of Python, not Numba's `parallel=True`: that compiles several times slower, needs a threading layer, and one
of its layers aborts the process when two threads enter it together. Pieces are handed out as threads become free;
they are computed by the same machine code whoever takes them, so that no bit depends on the number of threads.
"""

import functools
import os
from collections import deque

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

    others = [_pool(os.getpid(), threads - 1).submit(worker) for _ in range(threads - 1)]
    worker()
    for other in others:
        other.result()


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool(process, size):
    """Threads that wait for work; those of a forked parent are of no use to the child."""
    from concurrent.futures import ThreadPoolExecutor  # costs a small answer its milliseconds

    return ThreadPoolExecutor(size, thread_name_prefix=f"refvi-{process}")
