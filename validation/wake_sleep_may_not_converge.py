"""Does wake-sleep converge where each phase ascends what it should, every sum is exact and the data are the model's own?

Two causes, two symptoms, crossed recognition weights that stay (`refvi.registry.wake_sleep.crossed`); prior logits and
recognition biases learn. The maximum of the log evidence is a fixed point. Asked: is it left in a spiral at every rate,
small steps and phases of many steps alike; does the log evidence stay below it and go up and down for ever; does exact
ascent on the ELBO, in the same parameters from the same start, come to rest? Plot in
validation/results/wake_sleep_may_not_converge.png; exit code 1 where an answer is no.
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from refvi.algorithms import trees, wake_sleep
from refvi.models import layered_belief
from refvi.registry.wake_sleep import crossed, largest_multiplier, round_of
from validation.records import RESULTS, record

AT_REST, RATES, OFF = 1e-6, (0.125, 0.25, 0.5, 1.0, 2.0), 0.1
MANY, SMALL = "phases of many steps", "one small step each, 60 a round"
BELOW, SWING = {MANY: 0.05, SMALL: 0.01}, {MANY: 0.05, SMALL: 0.005}  # nats


def multipliers():
    """Rate -> the largest multiplier of a round at the maximum, a complex number of modulus above one."""
    x, mass, theta, phi, *learns = crossed()
    point = np.concatenate([theta.prior_logits, phi.layers[0].bias])
    return {rate: largest_multiplier(round_of(x, mass, theta, phi, learns, rate), point) for rate in RATES}


def rounds(quick, wake_rate, sleep_rate, sleep_steps, repeats, count, target):
    """Log evidence and prior logits before each of `count` rounds of wake-sleep."""
    x, mass, theta, phi, *learns = crossed()
    learns = trees.scale(learns[0], wake_rate), trees.scale(learns[1], sleep_rate)
    at, net = theta._replace(prior_logits=theta.prior_logits + [1.0 if quick else OFF, 0.0]), phi
    values, places = [], []
    for _ in range(count + 1):
        values.append(math.fsum(mass * layered_belief.log_evidence(x, at, target=target).log_evidence))
        places.append(at.prior_logits)
        for _ in range(repeats):
            at = wake_sleep.wake_step(x, at, net, rate=learns[0], mass=mass, target=target)
            for _ in range(sleep_steps):
                net = wake_sleep.sleep_step(at, net, rate=learns[1], target=target)
    return np.array(values), np.array(places)


def ascent(quick, count, target):
    """ELBO and prior logits before each of `count` steps of ELBO ascent, and the steepest slope at the end."""
    x, mass, theta, phi, *learns = crossed()
    at, net = theta._replace(prior_logits=theta.prior_logits + [1.0 if quick else OFF, 0.0]), phi
    rates, values, places = tuple(trees.scale(part, 4.0) for part in learns), [], []
    for _ in range(count + 1):
        bound = layered_belief.elbo(x, at, net, mass=mass, target=target)
        values.append(math.fsum(mass * bound.elbo))
        places.append(at.prior_logits)
        slopes = np.concatenate([bound.grad_theta.prior_logits, bound.grad_phi.layers[0].bias])
        at, net = wake_sleep.ascent_step(x, at, net, rate=rates, mass=mass, target=target)
    return np.array(values), np.array(places), float(np.abs(slopes).max())


def plot(circles, climbed, top):
    """Log evidence per round, ELBO per step, and the prior logits on their way."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13.0, 3.8), constrained_layout=True)
    left.axhline(top, color="0.5", lw=1, label="maximum")
    for colour, (name, (values, places)) in zip(("C3", "C1"), circles.items(), strict=True):
        left.plot(values, color=colour, lw=1.2, label=name)
        right.plot(*places.T, color=colour, lw=0.8)
    left.set(title="wake-sleep", xlabel="round", ylabel="log evidence per datum, nats")
    left.legend(frameon=False, fontsize=8, loc="center right", bbox_to_anchor=(1.0, 0.68))
    middle.plot(climbed[0], color="C0", lw=1.2)
    middle.set(title="ELBO ascent", xlabel="step", ylabel="ELBO per datum, nats", xscale="symlog")
    right.plot(*climbed[1].T, color="C0", lw=1.2, label="ELBO ascent")
    right.plot(*climbed[1][-1], "o", color="C0", ms=5)
    right.plot(0.25, 0.25, "k+", ms=9, label="maximum of the log evidence")
    right.set(xlabel="prior logit of the first cause", ylabel="prior logit of the second cause")
    right.legend(frameon=False, fontsize=8, loc="upper left")
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "wake_sleep_may_not_converge.png", dpi=80)
    plt.close(figure)


def main(quick=False):
    """Run everything, print the table, draw the plot; 0 where wake-sleep circles and ascent rests."""
    rows, holds, target, count = [], True, *(("python", 36) if quick else ("cpu", 300))
    for rate, multiplier in multipliers().items():
        turn = abs(float(np.angle(multiplier)))
        holds &= bool(abs(multiplier) > 1.0 + rate / 1000.0 and turn > rate / 40.0)
        rows.append({"rate": rate, "modulus": float(abs(multiplier)), "angle": turn})
        print(f"rate {rate:<6} modulus {abs(multiplier):.6f}  angle {turn:.5f}")
    _, mass, *_ = crossed()
    top = math.fsum(mass * np.log(mass))
    circles = {MANY: rounds(quick, 4.0, 8.0, 8, 1, count, target)}
    if not quick:
        circles[SMALL] = rounds(quick, 0.5, 0.5, 1, 60, count, target)
    for name, (values, _) in circles.items():
        late = values[-(len(values) // 3) :]
        rows.append({"wake-sleep": name, "maximum": top, "highest": late.max(), "lowest": late.min()})
        holds &= bool(late.max() < top - BELOW[name] and np.ptp(late) > SWING[name])
        print(f"wake-sleep, {name:<34} last third {late.min():.5f} to {late.max():.5f}, maximum {top:.5f}")
    climbed = ascent(quick, count, target)
    rows.append(
        {"ELBO ascent": climbed[0][-1], "steepest slope": climbed[2], "least rise": np.diff(climbed[0]).min()}
    )
    holds &= bool(climbed[2] < (1e-2 if quick else AT_REST) and np.diff(climbed[0]).min() > -1e-13)
    print(f"ELBO ascent ends at {climbed[0][-1]:.6f}, steepest slope {climbed[2]:.1e}")
    if not quick:
        plot(circles, climbed, top)
    return record("wake_sleep_may_not_converge", rows, holds, quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
