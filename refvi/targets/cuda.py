"""The CUDA target: the same kernels on an NVIDIA device, or in the simulator, one thread per item or lane.

Without a device, `refvi.targets.ptx` still compiles every driver, so that a machine without a GPU can keep the code fit for
one. On a device expect fused multiply-adds and other last bits of exp and log: equal to tolerance, not to the bit. The
simulator runs the kernels as Python and is equal to the bit; it must be switched on (NUMBA_ENABLE_CUDASIM=1) before numba is
first imported.
"""

import os
import warnings

import numpy as np

from refvi.errors import TargetUnavailable
from refvi.kernels.portable import register_all
from refvi.targets.arrays import check_schedule, contiguous
from refvi.targets.cpu import read_lanes

BLOCK = 64
MOST_THREADS = 2**16
HINT = (
    "target 'cuda' needs an NVIDIA GPU and `pip install 'refvi[cuda]'`; without a GPU set NUMBA_ENABLE_CUDASIM=1 "
    "before starting Python to use the simulator"
)


def simulated():
    """Whether numba.cuda is the simulator in this process."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"


EXACT = simulated()


def available():
    """Whether a device or the simulator is there."""
    try:
        from numba import cuda

        return simulated() or bool(cuda.is_available())
    except Exception:  # a driver may fail in any way; all of them mean that there is no device
        return False


def describe():
    """One line for reports."""
    if not available():
        return "cuda: no device"
    if simulated():
        return "cuda: simulator"
    from numba import cuda

    name = cuda.get_current_device().name
    return f"cuda: {name.decode() if isinstance(name, bytes) else name}"


def rows(kernel, inputs, count, width, scratch=0, *, threads=None):
    """kernel(item, inputs, out, scratch) for every item; returns (count, width)."""
    check_schedule(kernel, threads, count=count, width=width)
    out = np.zeros((count, width))
    workers = _workers(count)
    _launch("rows", kernel, workers, (contiguous(inputs), count, _scratch(workers, scratch)), out)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    check_schedule(kernel, threads, data=data, samples=samples, width=width, lanes=lanes)
    sums, workers = np.zeros((lanes, 2, width)), _workers(lanes)
    space = (np.zeros((workers, width)), _scratch(workers, scratch))
    _launch("pairs", kernel, workers, (contiguous(inputs), samples, data * samples, *space), sums)
    return read_lanes(sums, np.zeros(width), weighted=False)


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):
    """Log of the sum of weights and the weighted means of kernel(state, inputs, out, scratch); returns (1 + width,)."""
    check_schedule(kernel, threads, count=count, width=width, lanes=lanes)
    sums, workers = np.zeros((lanes, 2, 2 + width)), _workers(lanes)
    space = (np.zeros((workers, 1 + width)), _scratch(workers, scratch))
    _launch("states", kernel, workers, (contiguous(inputs), count, *space), sums)
    return read_lanes(sums, np.zeros(1 + width), weighted=True)


def _workers(tasks):
    """How many threads: one per task up to a bound."""
    return max(1, min(tasks, MOST_THREADS))


def _scratch(workers, size):
    return np.full((workers, max(size, 1)), np.nan)


def _launch(schedule, kernel, workers, arguments, out):
    """Run a driver on `workers` threads; what it writes comes back in `out`."""
    if not available():
        raise TargetUnavailable(HINT)
    from numba import cuda

    from refvi.targets import cuda_drivers

    register_all()
    driver = getattr(cuda_drivers, schedule)(kernel)
    block = min(BLOCK, workers)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*under-utilization.*")
        result = cuda.to_device(out)
        driver[(workers + block - 1) // block, block](*_to_device(arguments), result)
        result.copy_to_host(out)


def _to_device(thing):
    from numba import cuda

    if isinstance(thing, np.ndarray):
        return cuda.to_device(thing)
    if isinstance(thing, tuple):
        parts = [_to_device(part) for part in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else tuple(parts)
    return thing
