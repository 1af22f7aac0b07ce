"""Every kernel that a registered law schedules on CUDA compiles for a device, though none is there.

The simulator runs kernels as Python and so cannot see what device code may not contain; the compiler can. Here the CUDA
target compiles each kernel to PTX with the inputs that it really gets, and lets plain Python answer.
"""

import importlib
import pkgutil

import refvi.registry
from refvi.targets import cuda, python
from refvi.targets.ptx import SCHEDULES, ptx


def test_every_scheduled_kernel_compiles_for_sm_90(monkeypatch):
    compiled = {}

    def compiling(schedule):
        def run(kernel, inputs, *sizes, **options):
            key = (schedule, kernel)
            if key not in compiled:
                compiled[key] = ptx(schedule, kernel, inputs)
            return getattr(python, schedule)(kernel, inputs, *sizes, **options)

        return run

    for schedule in SCHEDULES:
        monkeypatch.setattr(cuda, schedule, compiling(schedule))
    monkeypatch.setattr(cuda, "EXACT", True)
    for module in pkgutil.iter_modules(refvi.registry.__path__):
        for row in getattr(importlib.import_module(f"refvi.registry.{module.name}"), "EVIDENCE", ()):
            if "cuda" in row.targets:
                row.run(True, "cuda")
    assert {schedule for schedule, _ in compiled} == set(SCHEDULES)
    for (schedule, kernel), text in compiled.items():
        assert ".target sm_90" in text, (schedule, kernel.__name__)
        assert "max.f64" not in text, f"{kernel.__name__}: max.f64 drops a NaN"
        assert "min.f64" not in text, f"{kernel.__name__}: min.f64 drops a NaN"
