"""How many threads the compiled code may use, and one call of it at a time."""

import threading
from contextlib import contextmanager

import numba

_one_at_a_time = threading.Lock()


@contextmanager
def team(threads):
    """Let parallel code inside use at most `threads` threads; None means all.

    Numba's fallback scheduler aborts the process when two threads enter it together: callers take turns.
    """
    with _one_at_a_time:
        before = numba.get_num_threads()
        numba.set_num_threads(min(threads or before, numba.config.NUMBA_NUM_THREADS))
        try:
            yield
        finally:
            numba.set_num_threads(before)
