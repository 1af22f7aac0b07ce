"""The marker: plain Python without numba, known to every compiler once one is there."""

import subprocess
import sys
import textwrap

from refvi.kernels import portable as module
from refvi.kernels.portable import is_portable, marked, portable, register_all


def run(source):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_marking_returns_the_function_itself():
    def f(x):
        return x + 1.0

    assert portable(f) is f
    assert is_portable(f)
    assert not is_portable(len)
    assert f in marked()


def test_kernels_import_no_numba():
    """Every kernel module loads without numba: what `refvi list` costs."""
    result = run("""
        import pkgutil, sys, importlib, refvi.kernels, refvi.targets.python
        for found in pkgutil.iter_modules(refvi.kernels.__path__):
            importlib.import_module(f"refvi.kernels.{found.name}")
        assert "numba" not in sys.modules
    """)
    assert result.returncode == 0, result.stderr


def test_a_users_njit_function_may_call_a_kernel():
    """Numba finds the kernels by the entry point; nothing of refvi is called."""
    result = run("""
        import numba
        from refvi.kernels.scalar import softplus
        from refvi.kernels.philox import uniform
        @numba.njit
        def f(x):
            return softplus(x) + uniform(1, 2, 3, 4, 5)
        assert f(0.5) == softplus(0.5) + uniform(1, 2, 3, 4, 5)
    """)
    assert result.returncode == 0, result.stderr


def test_functions_marked_after_registration_follow():
    register_all()
    import numba

    @portable
    def late(x):
        return 2.0 * x

    @numba.njit
    def caller(x):
        return late(x)

    assert caller(1.5) == 3.0
    before = len(module._registered)
    register_all()
    assert len(module._registered) == before
