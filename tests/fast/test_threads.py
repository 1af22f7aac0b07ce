import os
import threading

import pytest

from refvi.fast import threads

LARGE = threads.SERIAL_BELOW
needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")


def run_shared(count, work, at_once, during=lambda: None):
    """Pieces in the order of their ends, and the threads that took them."""
    pieces, takers = [], set()

    def run(first, last):
        during()
        takers.add(threading.get_ident())
        pieces.append((first, last))

    threads.share(run, count, work, at_once)
    return sorted(pieces), takers


@pytest.mark.parametrize("at_once", [1, 2, 3, None])
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_pieces_are_a_partition(count, at_once):
    pieces, _ = run_shared(count, LARGE, at_once)
    assert [n for first, last in pieces for n in range(first, last)] == list(range(count))


def test_small_work_stays_here():
    pieces, takers = run_shared(64, LARGE - 1, 4)
    assert (pieces, takers) == ([(0, 64)], {threading.get_ident()})


def test_both_threads_work():
    """Neither could end alone: each waits for the other."""
    gate = threading.Barrier(2, timeout=60)
    assert len(run_shared(2, LARGE, 2, gate.wait)[1]) == 2


@pytest.mark.parametrize("at_once", [1, 2])
def test_what_a_piece_raises_arrives(at_once):
    def fail(first, last):
        raise ArithmeticError(f"piece {first} to {last}")

    with pytest.raises(ArithmeticError, match="piece"):
        threads.share(fail, 8, LARGE, at_once)


@needs_affinity
@pytest.mark.parametrize("allowed", [{0}, {0, 1}, {2, 5, 7}])
def test_helpers_leave_the_core_of_their_caller(monkeypatch, allowed):
    placed = {}
    core = min(allowed)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed))
    monkeypatch.setattr(os, "sched_setaffinity", placed.__setitem__)
    monkeypatch.setattr(threads, "_current_core", lambda: core)
    members = {101, 102}
    threads.keep_off_this_core(members)
    # Two helpers have room beside the caller where three cores are allowed; else they go where they may.
    assert placed == dict.fromkeys(members, allowed - {core} if len(allowed) == 3 else allowed)


@needs_affinity
def test_this_core_is_one_that_this_thread_may_use():
    assert threads._current_core() in os.sched_getaffinity(0)


def test_without_affinity_nothing_is_moved(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    threads.keep_off_this_core({101})


@needs_affinity
def test_a_thread_that_is_gone_is_no_error():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    threads.keep_off_this_core({thread.native_id})
