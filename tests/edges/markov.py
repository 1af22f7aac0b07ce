"""Chains that are stuck, single, constant. Rows: name, call, wanted."""

import numpy as np

from refvi.algorithms import chains, metropolis_hastings
from refvi.models import gaussian_mixture_density
from tests.edges.making import (
    APART,
    CONSTANT,
    HALF_STUCK,
    INF,
    KINDS,
    NAN,
    X,
    close,
    finite,
    hmc,
    normal,
    r_hat,
    stays,
    walk,
    worth,
)

ROWS = [
    # ---- chains that are stuck, single, constant
    ("worth of constant draws", lambda t: worth(CONSTANT, t), close([NAN] * 4)),
    ("R-hat of constant draws", lambda t: r_hat(CONSTANT, t), close([NAN] * 3)),
    ("R-hat of chains stuck apart", lambda t: r_hat(APART, t), close([INF] * 3)),
    (
        "worth of chains stuck apart",
        lambda t: worth(APART, t, KINDS[:3]),
        lambda found: np.all(np.array(found) < 5.0),
    ),
    (
        "worth where one chain is stuck",
        lambda t: worth(HALF_STUCK, t, KINDS[:3]),
        lambda f: finite(f) and np.all(np.array(f) > 0),
    ),
    ("R-hat where one chain is stuck", lambda t: r_hat(HALF_STUCK, t), lambda f: finite(f) and max(f) > 1.1),
    (
        "worth of a single chain",
        lambda t: worth(HALF_STUCK[1:], t, KINDS[:3]),
        lambda f: finite(f) and np.all(np.array(f) > 0),
    ),
    ("R-hat of a single chain in halves", lambda t: r_hat(HALF_STUCK[1:], t, ("split", "rank")), finite),
    (
        "R-hat of a single chain",
        lambda t: r_hat(HALF_STUCK[1:], t, ("plain",)),
        "at least 2 chains for kind 'plain', got 1",
    ),
    ("three draws", lambda t: worth(np.zeros((2, 3)), t, KINDS[:1]), "N >= 4 draws of each chain"),
    (
        "one chain without its axis",
        lambda t: worth(np.zeros(8), t, KINDS[:1]),
        r"draws must have shape \(C, N\), got \(8,\)",
    ),
    ("NaN in draws", lambda t: worth(CONSTANT * NAN, t, KINDS[:1]), "draws must be finite"),
    ("infinity in draws", lambda t: worth(CONSTANT * INF, t, KINDS[:1]), "draws must be finite"),
    (
        "a walk whose every step is too long",
        lambda t: walk(normal(), 0.0, t, metropolis_hastings.random_walk(1e200 * np.eye(2))),
        stays,
    ),
    ("a walk from where the density is zero", lambda t: walk(normal(), 1e200, t), stays),
    (
        "Langevin from where the density is zero",
        lambda t: walk(normal(), 1e200, t, metropolis_hastings.langevin(np.eye(2))),
        stays,
    ),
    ("a walk on one component", lambda t: walk(normal((0.0,)), 0.0, t), finite),
    ("a walk past a component of weight zero", lambda t: walk(normal((0.0, -INF)), 0.0, t), finite),
    ("NaN for a start", lambda t: walk(normal(), NAN, t), "start must be finite"),
    ("NaN for noise", lambda t: walk(normal(), 0.0, t, noise=NAN), "noise must be finite"),
    (
        "uniform noise of one",
        lambda t: walk(normal(), 0.0, t, uniforms=1.0),
        "uniforms must lie in 0 <= u < 1",
    ),
    (
        "a proposal without spread",
        lambda _: metropolis_hastings.random_walk(np.zeros((2, 2))),
        "cholesky must have a positive diagonal",
    ),
    ("paths that diverge", lambda t: hmc(0.0, t, step_size=1e6, steps=50), stays),
    ("paths from where the density is zero", lambda t: hmc(1e200, t), stays),
    ("paths that do not move", lambda t: hmc(0.0, t, step_size=0.0), "step_size must be positive"),
    ("no temperature", lambda t: hmc(0.0, t, temperature=0.0), "temperature must be positive"),
    (
        "no mass",
        lambda t: hmc(0.0, t, mass_cholesky=np.zeros((2, 2))),
        "mass_cholesky must have a positive diagonal",
    ),
    ("no steps", lambda t: hmc(0.0, t, steps=0), "steps must be an integer of at least 1"),
    ("NaN for a step size", lambda t: hmc(0.0, t, step_size=NAN), "step_size must be finite"),
    ("noise for no chain", lambda t: chains.noise(0, 0, 3, 2, t), "chains must be an integer of at least 1"),
    (
        "density far away",
        lambda t: gaussian_mixture_density.log_density_and_gradient(normal(), X * 1e200, t)[0],
        close([-INF] * 5),
    ),
]
