"""D1, `001_1edff1214b9d7604.txt`: variational auto-encoder and variance reduction, every equation as it is printed.

Read as printed: μ_θ is the decoder's mean, so μ_θ(x) is the decoder at x (the models have d = D, so that this exists),
≈ means that the right side is an estimator whose mean is the left side, L is the bound, and the number of samples too.
Not claims: the aims, the reading list, and what is announced and missing (discrete variables, MNIST).
"""

from refvi.derivations.sources.d1 import section_1, section_2, section_3_divergence, section_3_likelihood
from refvi.derivations.sources.d1.document import D1 as SOURCE

__all__ = ["SOURCE", "section_1", "section_2", "section_3_divergence", "section_3_likelihood"]
