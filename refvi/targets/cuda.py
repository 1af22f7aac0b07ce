"""The CUDA target: the same kernels on an NVIDIA device, or in the simulator, one thread per item or lane.

Without a device, `ptx` still compiles every driver for a given architecture, so that a machine without a GPU can keep the
code fit for one. On a device expect fused multiply-adds: equal to tolerance, not to the bit; the simulator is bit-identical.
"""

import functools
import os

import numpy as np

from refvi.errors import TargetUnavailable
from refvi.kernels import lanes as lane_kernels
from refvi.kernels.portable import register_all
from refvi.targets.arrays import contiguous

THREADS = 64
HINT = (
    "target 'cuda' needs an NVIDIA GPU with its driver and `pip install 'refvi[cuda]'`; without a GPU, set "
    "NUMBA_ENABLE_CUDASIM=1 before Python starts to run in the simulator"
)


def simulated():
    """Whether numba.cuda is the simulator in this process."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"


def available():
    """Whether a device or the simulator is there."""
    try:
        from numba import cuda

        return simulated() or bool(cuda.is_available())
    except Exception:  # a driver may fail in any way; all of them mean that there is no device
        return False


def describe():
    """One line for reports."""
    if simulated():
        return "cuda: simulator"
    if not available():
        return "cuda: no device"
    from numba import cuda

    name = cuda.get_current_device().name
    return f"cuda: {name.decode() if isinstance(name, bytes) else name}"


def rows(kernel, inputs, count, width, scratch=0, *, threads=None):  # noqa: ARG001 - one signature for all targets
    """kernel(item, inputs, out, scratch) for every item; returns (count, width)."""
    out = np.zeros((count, width))
    _launch(_drivers().rows(kernel), count, (contiguous(inputs), count), (count, scratch), out)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):  # noqa: ARG001
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    sums = np.zeros((lanes, width))
    arguments = (contiguous(inputs), samples, data * samples, lanes, np.zeros((lanes, width)))
    _launch(_drivers().pairs(kernel), lanes, arguments, (lanes, scratch), sums)
    lane_kernels.join_all(sums, False)
    return sums[0]


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):  # noqa: ARG001
    """Return log sum_s e^w_s and the weighted means of kernel(state, inputs, out, scratch): (1 + width,)."""
    sums, out = np.zeros((lanes, 2 + width)), np.zeros(1 + width)
    _launch(
        _drivers().states(kernel),
        lanes,
        (contiguous(inputs), count, lanes, np.zeros((lanes, 1 + width))),
        (lanes, scratch),
        sums,
    )
    with np.errstate(all="ignore"):
        lane_kernels.join_all(sums, True)
        lane_kernels.close_weighted(sums[0], out)
    return out


def _launch(driver, count, arguments, workspace, out):
    if not available():
        raise TargetUnavailable(HINT)
    from numba import cuda

    scratch = np.full((workspace[0], max(workspace[1], 1)), np.nan)
    with np.errstate(all="ignore"):
        if simulated():
            cuda.jit(driver)[(count + THREADS - 1) // THREADS, THREADS](*arguments, scratch, out)
        else:
            _on_device(driver, count, (*arguments, scratch), out)


def _on_device(driver, count, arguments, out):
    from numba import cuda

    result = cuda.to_device(out)
    _jitted(driver)[(count + THREADS - 1) // THREADS, THREADS](*_to_device(arguments), result)
    result.copy_to_host(out)


def _to_device(thing):
    from numba import cuda

    if isinstance(thing, np.ndarray):
        return cuda.to_device(thing)
    if isinstance(thing, tuple):
        parts = [_to_device(part) for part in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else tuple(parts)
    return thing


@functools.cache
def _jitted(driver):
    from numba import cuda

    return cuda.jit(driver)


def _drivers():
    try:
        from refvi.targets import cuda_drivers
    except ImportError:
        raise TargetUnavailable(HINT) from None
    register_all()
    return cuda_drivers


def ptx(schedule, kernel, inputs, capability=(9, 0)):
    """PTX text of a schedule's driver for a kernel, compiled without a device.

    schedule   "rows", "pairs" or "states"
    inputs     example inputs: their types are what counts
    """
    from numba import typeof, types

    driver = getattr(_drivers(), schedule)(kernel)
    whole, grid, number = types.int64, types.Array(types.float64, 2, "C"), typeof(contiguous(inputs))
    signature = {
        "rows": (number, whole, grid, grid),
        "pairs": (number, whole, whole, whole, grid, grid, grid),
        "states": (number, whole, whole, grid, grid, grid),
    }[schedule]
    from numba import cuda

    with _StandInDevice(capability):
        text, _ = cuda.compile_ptx(driver, signature, cc=capability)
    return text


class _StandInDevice:
    """While device functions compile, numba-cuda asks for the current device: give it one of the wanted capability."""

    def __init__(self, capability):
        self.capability = capability

    def __enter__(self):
        from numba.cuda import dispatcher

        self.module, self.before = dispatcher, dispatcher.get_current_device
        device = type("Device", (), {"compute_capability": self.capability})()
        dispatcher.get_current_device = lambda: device

    def __exit__(self, *_):
        self.module.get_current_device = self.before
