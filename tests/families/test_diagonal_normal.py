"""Independent normals: the row of the registry, wrong kernels that it rejects, arguments."""

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.families import diagonal_normal
from refvi.families.diagonal_normal import DiagonalNormal
from refvi.registry import families as rows

PHI = DiagonalNormal(np.array([0.5, -0.25]), np.array([-0.75, 0.875]))


def test_row_holds():
    rows.check_normal(False).raise_if_broken()  # other targets: tests/registry/test_evidence.py


def scaled(name, factor, last):
    right = getattr(diagonal_normal, name)

    def kernel(*arguments):
        before = [np.array(a) for a in arguments[-last:]]
        value = right(*arguments)
        for array, old in zip(arguments[-last:], before, strict=True):
            array[:] = old + factor * (array - old)
        return value

    return kernel


@pytest.mark.parametrize("factor", [-1.0, 0.5, 0.0])
@pytest.mark.parametrize(
    ("name", "last", "words"),
    [
        ("diagonal_normal_log_density_grad", 3, "grad log_q of diagonal_normal"),
        ("diagonal_normal_log_density_grad", 1, "grad log_q of diagonal_normal.phi.log_var"),
        ("diagonal_normal_sample", 1, "sample of diagonal_normal"),
        ("diagonal_normal_sample_back", 2, "path gradient of diagonal_normal"),
        ("diagonal_normal_sample_back", 1, "path gradient of diagonal_normal.log_var"),
        ("kl_diagonal_normals_grad", 4, "grad kl of diagonal_normal"),
    ],
)
def test_wrong_kernels_are_rejected_by_name(monkeypatch, name, last, words, factor):
    monkeypatch.setattr(diagonal_normal, name, scaled(name, factor, last))
    outcome = rows.check_normal()
    assert not outcome.holds
    assert outcome.message.startswith(words)


@pytest.mark.parametrize("change", [lambda v: -v, lambda v: 0.5 * v, lambda v: v - 1.0])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("diagonal_normal_log_density_grad", "log_q of diagonal_normal"),
        ("diagonal_normal_entropy", "entropy of diagonal_normal"),
        ("kl_diagonal_normals_grad", "kl of diagonal_normal"),
    ],
)
def test_wrong_values_are_rejected_by_name(monkeypatch, name, words, change):
    right = getattr(diagonal_normal, name)
    monkeypatch.setattr(diagonal_normal, name, lambda *arguments: change(right(*arguments)))
    outcome = rows.check_normal()
    assert not outcome.holds
    assert outcome.message.startswith(f"{words}")


def test_python_and_cpu_give_the_same_bits():
    values = np.random.default_rng(0).normal(size=(5, 2))
    for function, arguments in (
        (diagonal_normal.sample, (PHI, values)),
        (lambda *a: np.hstack(diagonal_normal.path_gradient(*a)), (PHI, values, values + 1.0)),
        (lambda *a: diagonal_normal.log_q(*a).grad_z, (PHI, values)),
    ):
        assert np.array_equal(function(*arguments, "python"), function(*arguments, "cpu"))


def test_arguments_are_refused_in_one_sentence():
    with pytest.raises(UsageError, match="phi must be a DiagonalNormal, got tuple"):
        diagonal_normal.sample((0.0, 1.0), [[0.0]])
    with pytest.raises(UsageError, match=r"noise must have shape \(K, D\) with D = 2, got \(1, 3\)"):
        diagonal_normal.sample(PHI, np.zeros((1, 3)))
    with pytest.raises(UsageError, match=r"phi\.log_var must have shape \(D,\) with D = 2, got \(3,\)"):
        diagonal_normal.entropy(PHI._replace(log_var=np.zeros(3)))
    with pytest.raises(UsageError, match=r"z must be finite, got inf at \[0, 1\]"):
        diagonal_normal.log_q(PHI, [[0.0, np.inf]])
