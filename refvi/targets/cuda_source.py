"""Kernels written in CUDA C++: compiled by NVIDIA's runtime compiler, no device needed; launched where there is one.

For the few instructions that Numba does not reach. Launching has not been tried on a device yet.

Checked by  tests/fast/test_tensor_pairs.py
"""

import functools

import numpy as np

from refvi.errors import RefviError, TargetUnavailable


def compile_source(path, capability=(9, 0), to_text=False):
    """Machine code of a source file for an architecture, or its PTX text; multiply-adds stay two operations."""
    try:
        from cuda.bindings import nvrtc
    except ImportError:
        raise TargetUnavailable("CUDA source needs `pip install 'refvi[cuda]'`; no GPU is required") from None

    def done(answer):
        if answer[0] != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise RefviError(f"{path.name} must compile, got {answer[0].name}")
        return answer[1] if len(answer) > 1 else None

    program = done(nvrtc.nvrtcCreateProgram(path.read_bytes(), path.name.encode(), 0, [], []))
    kind = "compute" if to_text else "sm"
    options = [f"--gpu-architecture={kind}_{capability[0]}{capability[1]}".encode(), b"--fmad=false"]
    done(nvrtc.nvrtcCompileProgram(program, len(options), options))
    size, read = (
        (nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX)
        if to_text
        else (nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN)
    )
    code = bytearray(done(size(program)))
    done(read(program, code))
    nvrtc.nvrtcDestroyProgram(program)
    return bytes(code)


def run(path, name, blocks, threads, arrays, numbers, out):
    """Launch a kernel (arrays.., numbers.., out): double arrays of NumPy, int numbers; `out` is filled."""
    from cuda.core import LaunchConfig, launch
    from numba import cuda

    device, kernel = _kernel(path, name)
    held = [cuda.to_device(np.ascontiguousarray(array)) for array in (*arrays, out)]
    cuda.synchronize()
    stream = device.create_stream()
    *given, result = (np.uint64(part.__cuda_array_interface__["data"][0]) for part in held)
    sizes = [np.int32(number) for number in numbers]
    launch(stream, LaunchConfig(grid=blocks, block=threads), kernel, *given, *sizes, result)
    stream.sync()
    held[-1].copy_to_host(out)


@functools.cache
def _kernel(path, name):
    """The current device and a kernel compiled for it."""
    from cuda.core import Device, ObjectCode

    device = Device()
    device.set_current()
    return device, ObjectCode.from_cubin(compile_source(path, tuple(device.compute_capability))).get_kernel(
        name
    )
