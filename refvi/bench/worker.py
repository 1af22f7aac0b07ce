"""The other end of `process`: one contender in a process of its own, answering requests line by line.

A request names a kind and sizes; the answer has the seconds of a burst of calls, the memory that a call takes beyond
what the process holds before it, and on request the numbers themselves. Numbers travel as bytes in base64. Whatever
a library prints goes to standard error.
"""

import base64
import contextlib
import ctypes
import gc
import importlib
import json
import os
import sys
import time

import numpy as np

from refvi.bench.problems import make

MOST_CALLS = 2000
FEWEST_CALLS, LONG = 5, 0.25  # of a burst; seconds
GLANCE = 0.005  # seconds between two looks at the process's own time
PATIENCE = 100  # looks


def main(module, threads, memory):
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    if int(memory):
        _limit_memory(int(memory))
    contender = importlib.import_module(module)
    getattr(contender, "start", lambda _: None)(int(threads))
    prepared = {}
    answers.write(json.dumps({"ready": True, "versions": getattr(contender, "versions", dict)()}) + "\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(contender, json.loads(line), prepared)) + "\n")
        answers.flush()


def _answer(contender, request, prepared):
    try:
        return _measure(_prepare(contender, request, prepared), request)
    except MemoryError as error:
        return {"error": f"out of memory: {error}"[:300]}
    except Exception as error:  # the parent reports whatever a library throws
        prepared.clear()
        words = " ".join(str(error).split())
        memory = any(word in words.lower() for word in ("memory", "alloc"))
        return {"error": f"{'out of memory: ' if memory else ''}{type(error).__name__}: {words}"[:300]}


def _prepare(contender, request, prepared):
    """The call of a request, kept until another problem is asked for."""
    key = json.dumps([request["kind"], request["sizes"]], sort_keys=True)
    if key not in prepared:
        prepared.clear()
        gc.collect()
        problem = make(request["kind"], request["sizes"])
        prepared[key] = contender.PREPARE[request["kind"]](problem)
    return prepared[key]


def _measure(call, request):
    """Call until the burst is over; the first burst of a problem compiles and is told so by `values`."""
    seconds, found = [], None
    while not _is_over(seconds, request.get("least", 0.0)):
        start = time.perf_counter()
        found = call()
        seconds.append(time.perf_counter() - start)
    answer = {"seconds": seconds, "memory": None, "held": None, "note": getattr(call, "note", "")}
    if request.get("memory"):
        answer |= _memory_of(call)
    _come_to_rest()
    if request.get("values"):
        answer["values"] = None if found is None else _encode(found)
    return answer


def _is_over(seconds, least):
    """Whether a burst is long enough: a single call if no length is asked for, else some calls, or one that takes long.

    The first call of a burst finds the caches full of what others left there; the median is that of a warm one.
    """
    total = sum(seconds)
    some = len(seconds) >= FEWEST_CALLS or total >= max(least, LONG)
    return len(seconds) >= MOST_CALLS or (bool(seconds) and (not least or (total >= least and some)))


def _memory_of(call):
    """What one more call takes beyond what the process holds; not timed, because it starts from memory given back."""
    held = _held_before_a_peak()
    call()
    peak = _peak()
    return {"memory": None if peak is None else max(0, peak - held), "held": held}


def _come_to_rest():
    """Wait for what a library does behind its answer, such as giving memory back: the next contender would pay for it."""
    for _ in range(PATIENCE):
        before = time.process_time()
        time.sleep(GLANCE)
        if time.process_time() - before < 0.2 * GLANCE:
            return


def _encode(found):
    flat = [np.asarray(part, np.float64).ravel() for part in found]
    return base64.b64encode(np.concatenate(flat).astype("<f8").tobytes()).decode()


def _held_before_a_peak():
    """Resident bytes now, after forgetting the peak and giving freed memory back; None where Linux does not tell."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        return None
    return _status("VmRSS")


def _peak():
    return _status("VmHWM")


def _status(name):
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _limit_memory(limit):
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main(*sys.argv[1:])
