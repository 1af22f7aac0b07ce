"""Wake-sleep, exact and sampled, against exact ascents on the ELBO and on the log evidence: patches of real digits.

The middle 3 x 3 pixels of the binarised digits of scikit-learn, a network of layers 9-3-2 (16384 dreams, all summed), one
start for all. Asked: does no step of an ascent lower what it ascends; does no wake phase of exact wake-sleep lower the
ELBO (its step is twice the inverse curvature, 8 / (1 + 9)); who reaches which log evidence. Plot in
validation/results/wake_sleep_on_digits.png; exit code 1 where an answer is no.
"""

import itertools
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from refvi.algorithms import wake_sleep
from refvi.laws import em as law
from refvi.models import layered_belief
from validation.records import RESULTS, record

STEPS, RATE = 80, 0.8


def patches(side):
    """Binarised patches from the middle of the digits: all of them, the different ones, their share."""
    from sklearn.datasets import load_digits

    first = 4 - (side + 1) // 2
    images = load_digits().images[:, first : first + side, first : first + side]
    x = (images.reshape(len(images), -1) > 7).astype(float)
    different, count = np.unique(x, axis=0, return_counts=True)
    return x, different, count / len(x)


def start(sizes, seed=0):
    """Both nets near the middle."""
    rng = np.random.default_rng(seed)

    def layer(outcomes, given):
        return layered_belief.Layer(0.5 * rng.normal(size=(outcomes, given)), 0.1 * rng.normal(size=outcomes))

    pairs = list(itertools.pairwise(sizes))
    theta = layered_belief.Generative(
        tuple(layer(low, high) for low, high in pairs), 0.1 * rng.normal(size=sizes[-1])
    )
    return theta, layered_belief.Recognition(tuple(layer(high, low) for low, high in pairs))


def wake_gains(x, theta, phi, mass, steps, target):
    """The least gain in the ELBO of a wake phase, along exact wake-sleep."""
    least = math.inf
    for _ in range(steps):
        before = math.fsum(mass * layered_belief.elbo(x, theta, phi, target=target).elbo)
        theta = wake_sleep.wake_step(x, theta, phi, rate=RATE, mass=mass, target=target)
        after = math.fsum(mass * layered_belief.elbo(x, theta, phi, target=target).elbo)
        phi = wake_sleep.sleep_step(theta, phi, rate=RATE, target=target)
        least = min(least, after - before)
    return least


def plot(runs, entropy):
    """Log evidence and ELBO per iteration."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10.5, 3.8), constrained_layout=True, sharey=True)
    for colour, (name, run) in zip(("C0", "C1", "C3", "C2"), runs.items(), strict=True):
        for panel, field in zip(panels, ("log_evidence", "elbo"), strict=True):
            if field == "log_evidence" or "evidence" not in name:
                values = getattr(run, field)
                panel.plot(np.arange(len(values)) + 1, values, color=colour, lw=1.3, label=name)
    for panel, title in zip(panels, ("log evidence", "ELBO"), strict=True):
        panel.axhline(-entropy, color="0.5", lw=1, label="minus the entropy of the data")
        panel.set(xlabel="iterate, 1 is the start", xscale="log", title=title)
    panels[0].set_ylabel("nats per patch")
    panels[0].set_ylim(runs["log evidence ascent"].log_evidence[0] - 1.5, -entropy + 0.3)
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "wake_sleep_on_digits.png", dpi=90)
    plt.close(figure)


def main(quick=False):
    """Run everything, print the table, draw the plot; 0 where no ascent falls and no wake phase lowers the ELBO."""
    side, sizes, steps, target = (2, (4, 2, 1), 3, "python") if quick else (3, (9, 3, 2), STEPS, "cpu")
    everything, x, mass = patches(side)
    theta, phi = start(sizes)
    exact = {"mass": mass, "steps": steps, "target": target}
    drawn = everything[::20] if quick else everything
    runs = {
        "log evidence ascent": wake_sleep.evidence_ascent(x, theta, phi, rate=RATE, **exact),
        "ELBO ascent": wake_sleep.elbo_ascent(x, theta, phi, rate=RATE, **exact),
        "wake-sleep, exact": wake_sleep.wake_sleep(x, theta, phi, wake_rate=RATE, sleep_rate=RATE, **exact),
        "wake-sleep, sampled": wake_sleep.sampled_wake_sleep(
            drawn, theta, phi, wake_rate=RATE, sleep_rate=RATE, steps=steps, target=target
        ),
    }
    rows, holds = [], True
    for name, run in runs.items():
        row = {"algorithm": name, "steps": steps, "layers": list(sizes)}
        row.update(start=run.log_evidence[0], end=run.log_evidence[-1], end_elbo=run.elbo[-1])
        climbed = {"log evidence ascent": run.log_evidence, "ELBO ascent": run.elbo}.get(name)
        if climbed is not None:
            row["monotone"] = bool(law.never_decreases(climbed, magnitude=50.0, name=name).holds)
            holds &= row["monotone"]
        rows.append(row)
        print(f"{name:<22}{row['start']:10.4f} -> {row['end']:10.4f}   ELBO {row['end_elbo']:10.4f}")
    least = wake_gains(x, theta, phi, mass, min(steps, 30), target)
    rows.append({"least gain of a wake phase in the ELBO": least})
    entropy = -math.fsum(mass * np.log(mass))
    rows.append({"entropy of the data": entropy})
    print(f"least gain of a wake phase {least:.3e}; entropy of the data {entropy:.4f}")
    if not quick:
        plot(runs, entropy)
    return record("wake_sleep_on_digits", rows, holds and least > 0.0, quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
