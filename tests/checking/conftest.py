"""Tests of a framework are collected where it can be imported, and nowhere else."""

from importlib.util import find_spec

collect_ignore = [f"test_frameworks_{name}.py" for name in ("torch", "jax") if find_spec(name) is None]
