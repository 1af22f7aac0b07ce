"""The compile cache: warm where nothing changed, never stale, absent where it cannot be written, never for users' kernels."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import refvi

LONG_AGO = 1_700_000_000
SCRIPT = """
    from typing import NamedTuple
    import numpy as np
    from refvi.kernels.portable import portable
    from refvi.kernels.fresh import Inputs, fresh
    from refvi.targets import cpu

    class Mine(NamedTuple):
        x: np.ndarray

    @portable
    def own(item, inputs, out, scratch):
        out[0] = inputs.x[item]

    inputs = Inputs(np.array([1.0, 2.0]))
    print(cpu.rows(fresh, inputs, 2, 1)[1, 0], sum(cpu._rows(fresh, True).stats.cache_hits.values()))
    assert not cpu._ours(own, inputs)
    assert not cpu._ours(fresh, Mine(*inputs))
    assert not cpu._ours(fresh, (inputs, Mine(*inputs)))
    assert cpu._ours(fresh, (inputs, inputs))
    cpu.rows(own, inputs, 2, 1)
    assert type(cpu._rows(own, False)._cache).__name__ == "NullCache"
"""
KERNEL = """
    from typing import NamedTuple
    from refvi.kernels.inner import inner
    from refvi.kernels.portable import portable

    class Inputs(NamedTuple):
        x: object

    @portable
    def fresh(item, inputs, out, scratch):
        out[0] = inner(inputs.x[item])
"""
INNER = """
    from refvi.kernels.portable import portable

    @portable
    def inner(x):
        return {} * x
"""


def write(path, source, when=LONG_AGO):
    path.write_text(textwrap.dedent(source))
    os.utime(path, (when, when))


@pytest.fixture
def copy(tmp_path):
    """A copy of the package with two more kernels, all of it old."""
    root = tmp_path / "copy"
    shutil.copytree(Path(refvi.__file__).parent, root / "refvi", ignore=shutil.ignore_patterns("__pycache__"))
    write(root / "refvi/kernels/fresh.py", KERNEL)
    write(root / "refvi/kernels/inner.py", INNER.format("3.0"))
    for path in (root / "refvi").rglob("*.py"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return root


def run(copy, cache):
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "REFVI_CACHE_DIR": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT)],
        capture_output=True, text=True, timeout=300, check=False, env=environment, cwd=copy,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    value, hits = result.stdout.split()
    return float(value), int(hits)


def test_an_edit_of_a_callee_is_seen(copy, tmp_path):
    cache = tmp_path / "cache"
    assert run(copy, cache) == (6.0, 0)
    assert run(copy, cache) == (6.0, 1)
    write(copy / "refvi/kernels/inner.py", INNER.format("5.0"), LONG_AGO + 1)
    assert run(copy, cache) == (10.0, 0)
    assert len([p for p in cache.iterdir() if p.is_dir()]) == 2
    # back to the first text: its folder is still there, and still right
    write(copy / "refvi/kernels/inner.py", INNER.format("3.0"), LONG_AGO + 2)
    assert run(copy, cache) == (6.0, 1)
    # edited just now: the process cannot know that it loaded what lies on disk, so it keeps nothing
    write(copy / "refvi/kernels/inner.py", INNER.format("7.0"), 4_000_000_000)
    assert run(copy, cache) == (14.0, 0)
    assert len([p for p in cache.iterdir() if p.is_dir()]) == 2


def test_an_unwritable_cache_is_no_failure(copy, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    assert run(copy, blocked / "cache") == (6.0, 0)


def test_folders_unused_for_a_month_go(tmp_path):
    from refvi.targets.cache import _prune

    old, recent, other = tmp_path / ("a" * 24), tmp_path / ("b" * 24), tmp_path / "mine"
    for folder in (old, recent, other):
        folder.mkdir()
    for folder in (old, other):
        os.utime(folder, (LONG_AGO, LONG_AGO))
    _prune(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b" * 24, "mine"]


def test_numbas_own_setting_is_restored(monkeypatch, tmp_path):
    import numba

    from refvi.targets import cache

    monkeypatch.setattr(numba.config, "CACHE_DIR", "theirs")
    monkeypatch.setattr(cache, "directory", lambda: tmp_path)
    with cache.cached_here() as allowed:
        assert allowed
        assert str(tmp_path) == numba.config.CACHE_DIR
    assert numba.config.CACHE_DIR == "theirs"
