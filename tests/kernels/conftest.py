"""Wrong kernels made from right ones: what a law must reject."""

import numpy as np
import pytest


def _value(change):
    return lambda right: lambda *arguments: change(right(*arguments))


def _outputs(change, count):
    def wrong(right):
        def kernel(*arguments):
            result = right(*arguments)
            for output in arguments[-count:]:
                change(output)
            return result

        return kernel

    return wrong


def _negate(output):
    output *= -1.0


def _halve(output):
    output *= 0.5


def _drop(output):
    output[-1] = 0.0


CHANGES = {"sign": _negate, "missing factor": _halve, "dropped term": _drop}


@pytest.fixture
def broken(monkeypatch):
    """broken(module, kernel, mutant, outputs): replace a kernel by a wrong one; outputs 0 changes the value."""

    def replace(module, kernel, mutant, outputs):
        right = getattr(module, kernel)
        if outputs:
            wrong = _outputs(CHANGES[mutant], outputs)
        else:
            change = {"sign": lambda v: -v, "missing factor": lambda v: 0.5 * v, "dropped term": np.ceil}
            wrong = _value(change[mutant])
        monkeypatch.setattr(module, kernel, wrong(right))

    return replace
