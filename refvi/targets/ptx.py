"""Device code without a device: every driver as PTX text, and as machine code where NVIDIA's assembler is installed.

numba-cuda asks for the current device while it compiles the functions that a driver calls; here a stand-in answers with the
wanted architecture. Not here: running anything.

Checked by  tests/targets/test_ptx.py
"""

import contextlib

import numpy as np

from refvi.errors import TargetUnavailable, UsageError
from refvi.kernels.portable import register_all
from refvi.targets.arrays import check_schedule, contiguous

SCHEDULES = ("rows", "pairs", "states")


def ptx(schedule, kernel, inputs, capability=(9, 0)):
    """PTX text of a schedule's driver for a kernel.

    schedule    "rows", "pairs" or "states"
    inputs      example inputs: their types are what counts
    capability  architecture, (9, 0) for Hopper
    """
    if schedule not in SCHEDULES:
        raise UsageError(f"schedule must be one of {', '.join(map(repr, SCHEDULES))}, got {schedule!r}")
    check_schedule(kernel, None, width=1)
    register_all()
    try:
        from numba import cuda

        from refvi.targets import cuda_drivers
    except ImportError:
        raise TargetUnavailable("PTX needs `pip install 'refvi[cuda]'`; no GPU is required") from None

    driver = getattr(cuda_drivers, schedule)(kernel)
    with stand_in_device(capability):
        text, _ = cuda.compile_ptx(
            driver.py_func, _signature(schedule, inputs), device=False, cc=capability, abi="numba"
        )
    return text


def machine_code(text, capability=(9, 0)):
    """The cubin of PTX text, by NVIDIA's JIT linker (the package nvidia-nvjitlink, which `refvi[cuda]` brings)."""
    from cuda.bindings import nvjitlink

    options = [f"-arch=sm_{capability[0]}{capability[1]}"]
    handle = nvjitlink.create(len(options), options)
    try:
        code = text.encode() + b"\0"
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, code, len(code), "refvi")
        nvjitlink.complete(handle)
        cubin = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, cubin)
    finally:
        nvjitlink.destroy(handle)
    return bytes(cubin)


def _signature(schedule, inputs):
    from numba import typeof, types

    whole, number = types.int64, typeof(contiguous(inputs))
    table, lanes = typeof(np.zeros((1, 1))), typeof(np.zeros((1, 1, 1)))
    return {
        "rows": (number, whole, table, table),
        "pairs": (number, whole, whole, table, table, lanes),
        "states": (number, whole, table, table, lanes),
    }[schedule]


@contextlib.contextmanager
def stand_in_device(capability):
    """While device functions compile: a current device of the wanted capability, and nothing else to it."""
    from numba.cuda import dispatcher

    before = dispatcher.get_current_device
    device = type("Device", (), {"compute_capability": capability})()
    dispatcher.get_current_device = lambda: device
    try:
        yield
    finally:
        dispatcher.get_current_device = before
