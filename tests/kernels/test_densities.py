"""The rows of the registry on all density kernels, and wrong kernels that they must reject by name."""

import pytest

from refvi.kernels import bernoulli, categorical, dense, normal, normal_full
from refvi.registry import densities

ROWS = [(row.subject, row.law, row.targets, row.run) for row in densities.EVIDENCE]


def test_every_kernel_has_a_value_and_a_gradient_row():
    assert len(densities.SUBJECTS) == 15
    assert {e.name for e in densities.ENTRIES} == {subject for subject, *_ in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r[0]}-{r[1]}")
def test_rows_hold(row):
    *_, run = row
    run(False, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


# kernel, its module, the entry whose value row must reject it
VALUES = [
    (normal, "normal_log_density", "normal_log_density"),
    (normal, "diagonal_normal_log_density", "diagonal_normal_log_density"),
    (normal, "standard_normal_log_density", "standard_normal_log_density"),
    (normal, "diagonal_normal_entropy", "diagonal_normal_entropy"),
    (normal, "kl_normal_standard", "kl_normal_standard"),
    (normal, "kl_diagonal_normals", "kl_diagonal_normals"),
    (normal_full, "kl_full_normals", "kl_full_normals"),
    (bernoulli, "bernoulli_log_mass", "bernoulli_log_mass"),
    (bernoulli, "bernoulli_log_mass_probability", "bernoulli_log_mass_probability"),
    (bernoulli, "kl_bernoulli", "kl_bernoulli"),
    (bernoulli, "kl_bernoulli_probability", "kl_bernoulli_probability"),
    (categorical, "categorical_log_mass", "categorical_log_mass"),
    (categorical, "kl_categorical", "kl_categorical"),
]
# the same for gradients, with the number of outputs at the end of the arguments
GRADIENTS = [
    (normal, "normal_log_density_grad", "normal_log_density", 1),
    (normal, "diagonal_normal_log_density_grad", "diagonal_normal_log_density", 3),
    (normal, "kl_normal_standard_grad", "kl_normal_standard", 2),
    (normal, "kl_diagonal_normals_grad", "kl_diagonal_normals", 4),
    (bernoulli, "kl_bernoulli_grad", "kl_bernoulli", 1),
    (bernoulli, "kl_bernoulli_probability_grad", "kl_bernoulli_probability", 1),
    (categorical, "kl_categorical_grad", "kl_categorical", 2),
    (dense, "dense_back_parameters", "dense", 2),
    (dense, "dense_back_input", "tanh_layer", 1),
    (dense, "tanh_back", "tanh_layer", 1),
]
MUTANTS = ("sign", "missing factor", "dropped term")


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize(("module", "kernel", "entry"), VALUES, ids=lambda v: v if isinstance(v, str) else "")
def test_wrong_values_are_rejected_by_name(broken, module, kernel, entry, mutant):
    broken(module, kernel, mutant, 0)
    outcome = densities.check_value(entry)
    assert not outcome.holds
    assert outcome.message.startswith(f"{entry}: expected ")


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize(
    ("module", "kernel", "entry", "outputs"), GRADIENTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_wrong_gradients_are_rejected_by_name(broken, module, kernel, entry, outputs, mutant):
    broken(module, kernel, mutant, outputs)
    outcome = densities.check_gradient(entry)
    assert not outcome.holds
    assert outcome.message.startswith(f"grad {entry}.")


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_full_gradients_are_rejected_by_name(monkeypatch, mutant):
    right = normal_full.kl_full_normals_grad

    def wrong(*arguments):
        value = right(*arguments)
        grad = arguments[7]
        grad *= {"sign": -1.0, "missing factor": 0.5, "dropped term": 1.0}[mutant]
        if mutant == "dropped term":
            grad[8] -= 1.0 / arguments[3][2, 2]
        return value

    monkeypatch.setattr(normal_full, "kl_full_normals_grad", wrong)
    outcome = densities.check_gradient("kl_full_normals")
    assert not outcome.holds
    assert outcome.message.startswith("grad kl_full_normals.cholesky_p")


@pytest.mark.parametrize(
    ("module", "kernel", "check", "entry"),
    [
        (normal, "diagonal_normal_log_density", densities.check_families, "diagonal_normal"),
        (normal, "diagonal_normal_entropy", densities.check_families, "diagonal_normal_entropy"),
        (normal, "kl_diagonal_normals", densities.check_families, "kl_diagonal_normals"),
        (bernoulli, "bernoulli_log_mass", densities.check_masses, "bernoulli_log_mass"),
        (bernoulli, "bernoulli_log_mass_grad", densities.check_masses, "bernoulli_log_mass"),
        (categorical, "categorical_log_mass", densities.check_masses, "categorical_log_mass"),
    ],
)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_expectations_reject_wrong_kernels(broken, module, kernel, check, entry, mutant):
    broken(module, kernel, mutant, 0)
    if kernel == "bernoulli_log_mass_grad" and mutant != "dropped term":
        return  # a multiple of a score has mean zero too; the gradient row rejects it
    outcome = check()
    assert not outcome.holds
    assert entry in outcome.message
