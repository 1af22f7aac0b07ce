"""JAX as people write it, with `jax.nn.softplus`; the chunk is still the fastest of several."""

import itertools
from functools import partial

from refvi.bench.peers.jax_plain import LAYOUTS, SIZES
from refvi.bench.peers.jax_plain import evidence as of_choices

PREPARE = {"evidence": partial(of_choices, choices=tuple(itertools.product(LAYOUTS, ("softplus",), SIZES)))}
