"""JAX as people write it, with `jax.nn.softplus`; the chunk is still the fastest of several."""

import itertools
from functools import partial

from refvi.bench.peers.jax_plain import LAYOUTS, SIZES, evidence, gradient

PREPARE = {
    "evidence": partial(evidence, choices=tuple(itertools.product(LAYOUTS, ("softplus",), SIZES))),
    "gradient": partial(gradient, choices=tuple(itertools.product(LAYOUTS[1:], ("softplus",), SIZES[1:]))),
}
