"""Device code without a device: every schedule compiles to PTX and on to machine code for sm_90."""

import sys

import pytest

from refvi.errors import TargetUnavailable, UsageError
from refvi.targets.ptx import machine_code, ptx
from tests.targets import samples


@pytest.mark.parametrize("schedule", samples.SIZES)
def test_every_schedule_compiles_for_sm_90(schedule):
    text = ptx(schedule, samples.SIZES[schedule][0], samples.draw())
    assert ".target sm_90" in text
    assert text.count(".entry") == 1
    assert "max.f64" not in text
    assert "min.f64" not in text
    assert machine_code(text)[:4] == b"\x7fELF"


def test_another_architecture():
    assert ".target sm_80" in ptx("rows", samples.row, samples.draw(), capability=(8, 0))


def test_unknown_schedule():
    with pytest.raises(UsageError, match="schedule must be one of 'rows', 'pairs', 'states', got 'maps'"):
        ptx("maps", samples.row, samples.draw())


def test_without_numba_cuda_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "refvi.targets.cuda_drivers", None)
    monkeypatch.delattr("refvi.targets.cuda_drivers", raising=False)
    with pytest.raises(TargetUnavailable, match="PTX needs `pip install 'refvi\\[cuda\\]'`"):
        ptx("rows", samples.row, samples.draw())
