"""EM, generalised EM, gradient ascent and SVI on real tables: does any step lower the log evidence, and who gets where?

Latent classes on the binarised digits, a Gaussian mixture on the breast cancer table, a hidden Markov model that
reads each digit row by row. One plot of the log evidence per datum along the steps, in
validation/results/em_on_real_data.png; exit code 1 where a step of EM, generalised EM or gradient ascent lowers it.
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from refvi.algorithms import categorical_per_datum, em, mean_field_chain, svi, variational_em
from refvi.laws import em as law
from refvi.models import hidden_markov, mixture
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from validation.records import RESULTS, record

STEPS, TARGET = 40, "cpu"


def digits():
    """Black and white digits, (N, 64) symbols."""
    from sklearn.datasets import load_digits

    return (load_digits().data > 7).astype(np.int64)


def problems(quick):
    """(model, theta, data, number of data) by name, from a random start."""
    from sklearn.datasets import load_breast_cancer

    rng = np.random.default_rng(0)
    x = digits()[:100] if quick else digits()
    table = load_breast_cancer().data[:, :10]
    table = (table - table.mean(0)) / table.std(0)
    classes = Mixture(np.zeros(10), CategoricalEmission(0.5 * rng.normal(size=(10, 64, 2))))
    gaussian = Mixture(
        np.zeros(3), NormalEmission(table[rng.choice(len(table), 3)], np.tile(np.eye(10), (3, 1, 1)))
    )
    rows = hidden_markov.sequences(list(x[:500].reshape(-1, 8, 8)))
    chain = HiddenMarkov(
        np.zeros(8), 0.5 * rng.normal(size=(8, 8)), CategoricalEmission(0.5 * rng.normal(size=(8, 8, 2)))
    )
    return {
        "latent classes, digits": (mixture, classes, x, len(x)),
        "Gaussian mixture, breast cancer": (mixture, gaussian, table, len(table)),
        "hidden Markov, digits by rows": (hidden_markov, chain, rows, len(rows.offsets) - 1),
    }


def runs(model, theta, data, steps):
    """Log evidence along every algorithm; variational EM by its ELBO, SVI by the log evidence after each pass."""
    found = {
        "EM": em.em(model, theta, data, steps=steps, target=TARGET).log_evidence,
        "generalised EM": em.generalised_em(model, theta, data, steps=steps, target=TARGET).log_evidence,
        "gradient ascent": em.gradient_ascent(model, theta, data, steps=steps, target=TARGET).log_evidence,
    }
    if model is hidden_markov:
        run = variational_em.variational_em(
            model, mean_field_chain, theta, data, steps=steps, sweeps=2, target=TARGET
        )
        found["variational EM (ELBO)"] = run.elbo
    elif isinstance(theta.emission, CategoricalEmission):
        values, moved, total = [math.fsum(model.log_evidence(theta, data, TARGET))], theta, len(data)
        rng, t = np.random.default_rng(1), 0
        for _ in range(steps):
            for chosen in np.array_split(rng.permutation(total), 10):
                t += 1
                rate = svi.step_size(svi.Schedule(30.0, 10.0, 0.6), t) / total
                _, moved = svi.svi_step(
                    model,
                    categorical_per_datum,
                    moved,
                    data[chosen],
                    total,
                    rate,
                    inner=5,
                    inner_rate=1.0,
                    target=TARGET,
                )
            values.append(math.fsum(model.log_evidence(moved, data, TARGET)))
        found["SVI, per pass"] = np.array(values)
    return found


def plot(results):
    """One panel per problem, steps on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    styles = {"EM": "C0-", "generalised EM": "C1-", "gradient ascent": "C2--"}
    figure, panels = plt.subplots(1, len(results), figsize=(4.2 * len(results), 3.2), constrained_layout=True)
    for panel, (name, (found, count)) in zip(panels, results.items(), strict=True):
        for label, values in found.items():
            panel.plot(
                np.arange(len(values)) + 1, values / count, styles.get(label, "C3:"), label=label, lw=1.5
            )
        panel.set(title=name, xlabel="iterate, 1 is the start", xscale="log")
        panel.legend(frameon=False, fontsize=8, loc="lower right")
    panels[0].set_ylabel("log evidence per datum, nats")
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "em_on_real_data.png", dpi=80)
    plt.close(figure)


def main(quick=False):
    """Run everything, print the table, draw the plot; 0 where no step lowers the log evidence."""
    results, rows = {}, []
    for name, (model, theta, data, count) in problems(quick).items():
        found = runs(model, theta, data, 3 if quick else STEPS)
        results[name] = (found, count)
        for label, values in found.items():
            outcome = law.never_decreases(values, magnitude=float(np.abs(values).max()), name=label)
            judged = not label.startswith("SVI")
            rows.append(
                {"problem": name, "algorithm": label, "start": values[0] / count, "end": values[-1] / count}
            )
            rows[-1].update(steps=len(values) - 1, monotone=bool(outcome.holds), required=judged)
            print(
                f"{name:<34}{label:<24} {values[0] / count:10.4f} -> {values[-1] / count:10.4f}   monotone {outcome.holds}"
            )
    if not quick:
        plot(results)
    return record("em_on_real_data", rows, all(r["monotone"] for r in rows if r["required"]), quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
