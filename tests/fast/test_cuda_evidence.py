"""Device code without a device: compiled for sm_90 here, run in numba-cuda's simulator in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sbn_twins import model

from refvi.errors import TargetUnavailable
from refvi.fast.cuda_evidence import cuda_log_evidence, cuda_log_evidence_gradient
from refvi.targets import cuda as target

TABLE, LINE = np.zeros((4, 4)), np.zeros(4)
KERNELS = {
    "evidence_blocks": (TABLE, TABLE, LINE, LINE, 4, 64, TABLE),
    "weight_blocks": (TABLE, TABLE, LINE, LINE, 0, TABLE),
    "quotient_sums": (TABLE, TABLE[:, 1:3], TABLE.T, 0, TABLE),
}


@pytest.fixture(params=KERNELS)
def compiled(request):
    """PTX text of a kernel."""
    from numba import cuda, typeof

    from refvi.fast import cuda_kernels
    from refvi.targets.ptx import stand_in_device

    kernel = getattr(cuda_kernels, request.param)
    with stand_in_device((9, 0)):
        signature = tuple(typeof(argument) for argument in KERNELS[request.param])
        text, _ = cuda.compile_ptx(kernel.py_func, signature, device=False, cc=(9, 0), abi="numba")
    return request.param, text


def test_kernels_compile_for_sm_90(compiled):
    from refvi.targets.ptx import machine_code

    text = compiled[1]
    assert ".target sm_90" in text
    assert text.count(".entry") == 1
    assert machine_code(text)[:4] == b"\x7fELF"


def test_products_stay_in_registers(compiled):
    """The inner loop adds and multiplies once per factor: tuples of products cost no memory, and no fused forms."""
    name, text = compiled
    assert ".local" not in text
    if name == "evidence_blocks":
        adds, products = (
            len(re.findall(r"add(?:\.rn)?\.f64", text)),
            len(re.findall(r"mul(?:\.rn)?\.f64", text)),
        )
        assert adds >= 16
        assert products >= 16


SIMULATED = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from sbn_twins import UNIT, absolute_terms, model
from refvi.fast import cuda_evidence, layout, network
from refvi.fast.evidence import log_evidence
from refvi.fast.gradient import log_evidence_gradient

def prepared(case, split, route):
    # The plain twin answers through logarithms; the device gets the split and the route that are asked for.
    network.split_bits = lambda K, D: split
    layout.WORTH_COMPILING = 1
    ready = cuda_evidence.prepare_compiled(cuda_evidence.read_problem(*case))._replace(route=route)
    layout.WORTH_COMPILING = 1 << 20
    cuda_evidence._on_device = lambda problem: ready

def split(high, top):
    return layout.Split(high, 7, top, 4, 64, 1 << (high - 6))

def agree(case, got, exact):
    assert np.abs(got - exact).max() <= 16 * UNIT * absolute_terms(*case[1:]), (got, exact)

cuda_evidence.STRIPE = 64 * 128  # two stripes where there are 128 rows
for top, route in ((0, cuda_evidence.Route.PAIR), (1, cuda_evidence.Route.NARROW)):
    case = model(13 + top, 2)
    prepared(case, split(6, top), route)
    agree(case, cuda_evidence.cuda_log_evidence(*case), log_evidence(*case))

def plain_sums(A, C, S, T, sharing):
    return (S[:, None] * T / np.prod(A[:, :, None] + C[:, None, :], axis=0)).sum(axis=1, keepdims=True)

cuda_evidence.tensor_pairs.tensor_sums = plain_sums  # the kernel has a test of its own
agree(case, cuda_evidence.cuda_log_evidence(*case, tensor=True), log_evidence(*case))
case = model(14, 3)
prepared(case, split(7, 0), cuda_evidence.Route.NARROW)
for got, exact in zip(cuda_evidence.cuda_log_evidence_gradient(*case), log_evidence_gradient(*case)):
    agree(case, got, exact)
"""


def test_simulator_agrees_with_the_processor():
    """Evidence with shared divisions of both kinds and with a top bit; the gradient in two stripes."""
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    command = [sys.executable, "-c", SIMULATED, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(target.available(), reason="there is a device")
@pytest.mark.parametrize("function", [cuda_log_evidence, cuda_log_evidence_gradient])
def test_without_a_device_the_message_says_what_to_install(function):
    with pytest.raises(TargetUnavailable, match="needs an NVIDIA GPU"):
        function(*model(K=4, D=3))
