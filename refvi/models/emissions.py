"""Which functions belong to which emission parameters. Not here: any formula."""

from refvi.errors import UsageError
from refvi.models import categorical_emission, diagonal_normal_emission, normal_emission

FUNCTIONS = {
    categorical_emission.CategoricalEmission: categorical_emission,
    normal_emission.NormalEmission: normal_emission,
    diagonal_normal_emission.DiagonalNormalEmission: diagonal_normal_emission,
}


def emission_functions(emission):
    """The module with log_density, expect, q_function, grad_q, maximise, check of an emission's parameters."""
    if type(emission) not in FUNCTIONS:
        names = ", ".join(kind.__name__ for kind in FUNCTIONS)
        raise UsageError(f"emission must be one of {names}, got {type(emission).__name__}")
    return FUNCTIONS[type(emission)]
