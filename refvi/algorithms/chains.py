"""What every Markov chain needs: the noise that moves it, by hand or by counter, and what it leaves behind.

A chain is one item of a schedule and reads its own start and noise, so that chains neither share a generator nor see one
another. Not here: how a state moves (`metropolis_hastings`, `hamiltonian`).

Checked by  tests/algorithms/test_metropolis_hastings.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.kernels.philox import fill_standard_normal, uniform
from refvi.kernels.portable import portable
from refvi.targets import get_target


class Draws(NamedTuple):
    """What chains are made from.

    start     (C, D) first states, one row per chain
    noise     (C, T, D) standard normal noise of every step
    uniforms  (C, T) uniform noise that decides every acceptance, 0 <= u < 1
    """

    start: np.ndarray
    noise: np.ndarray
    uniforms: np.ndarray


class Chains(NamedTuple):
    """What chains leave behind.

    positions       (C, T, D) the state after every step
    log_acceptance  (C, T) log of the probability with which every proposal was accepted
    accepted        (C, T) whether it was, 0 or 1
    """

    positions: np.ndarray
    log_acceptance: np.ndarray
    accepted: np.ndarray


class Address(NamedTuple):
    """Where noise is found: seed, and how long a row is.

    seed  one integer
    size  (T, D) steps and dimensions
    """

    seed: int
    size: np.ndarray


@portable
def noise_row(item, inputs, out, scratch):  # noqa: ARG001
    """The noise of one step of one chain, from its address.

    Formula     out_d = Phi^-1(u(chain, step, 0, d)),  out_D = u(chain, step, 1, 0)
    Shapes      inputs Address, out (D + 1,)
    Domain      item = chain * T + step
    Source      Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3
    """
    steps, width = inputs.size[0], out.shape[0] - 1
    fill_standard_normal(item // steps, item % steps, 0, inputs.seed, out[:width])
    out[width] = uniform(item // steps, item % steps, 1, 0, inputs.seed)


def noise(seed, chains, steps, dimensions, target="python"):
    """Noise (C, T, D) and uniforms (C, T) from a seed: the same numbers on every target, in any order of drawing."""
    sizes = {"chains": chains, "steps": steps, "dimensions": dimensions}
    chains, steps, dimensions = (validate.at_least(name, value, 1) for name, value in sizes.items())
    where = Address(validate.at_least("seed", seed, 0), np.array([steps, dimensions]))
    rows = get_target(target).rows(noise_row, where, chains * steps, dimensions + 1)
    rows = rows.reshape(chains, steps, dimensions + 1)
    return rows[:, :, :-1].copy(), rows[:, :, -1].copy()


def draws(dimensions, start, noise, uniforms):
    """Starts and noise as arrays; one sentence where they do not fit one another."""
    sizes = {"D": dimensions}
    start = validate.array("start", start, "C D", sizes)
    noise = validate.array("noise", noise, "C T D", sizes)
    uniforms = validate.array("uniforms", uniforms, "C T", sizes)
    if 0 in noise.shape:
        raise UsageError(f"noise must have shape (C, T, D) with C, T >= 1, got {noise.shape}")
    if not np.all((uniforms >= 0.0) & (uniforms < 1.0)):
        raise UsageError("uniforms must lie in 0 <= u < 1")
    return Draws(start, noise, uniforms)


def chains_of(rows, steps):
    """The rows of a chain kernel, steps x (position, log acceptance, accepted), as `Chains`."""
    table = rows.reshape(len(rows), steps, -1)
    return Chains(table[:, :, :-2].copy(), table[:, :, -2].copy(), table[:, :, -1].copy())
