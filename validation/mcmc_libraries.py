"""Does refvi raise a false alarm on NumPyro's pieces of Hamiltonian Monte Carlo and its diagnostics?

Each function below is written with NumPyro's own code and checked against its spec. Its effective sample size is another
valid answer (no single correlation after the last pair, no bound), and refvi must say so. Exit code 1 for anything else.
"""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import refvi
from validation.records import record

CASES = 60


def paths():
    """NumPyro's leapfrog and kinetic energy as implementations."""
    import jax
    import jax.numpy as jnp
    from numpyro.infer import hmc_util

    def kinetic(inverse_mass, p):
        return 0.5 * jnp.dot(p, jnp.dot(inverse_mass, p))

    def path(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
        inverse_mass = jnp.array(inverse_mass_cholesky @ inverse_mass_cholesky.T)

        def potential(q):
            away = jax.scipy.linalg.solve_triangular(cholesky, q - mean, lower=True)
            return 0.5 * jnp.dot(away, away)

        init, update = hmc_util.velocity_verlet(potential, kinetic)
        ends = []
        for q, p in zip(*phase, strict=True):
            state = init(jnp.array(q), jnp.array(p))
            for _ in range(int(steps)):
                state = update(float(step_size), inverse_mass, state)
            ends.append((np.asarray(state.z), np.asarray(state.r)))
        return np.stack([np.stack(part) for part in zip(*ends, strict=True)])

    def acceptance(log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature):
        inverse_mass = jnp.array(inverse_mass_cholesky @ inverse_mass_cholesky.T)
        before = -log_density + np.array([kinetic(inverse_mass, p) for p in momentum])
        after = -log_density_new + np.array([kinetic(inverse_mass, p) for p in momentum_new])
        return np.minimum(0.0, -(after - before) / temperature)

    yield "velocity_verlet", "hmc.leapfrog", path, ""
    yield "kinetic energy of HMC", "hmc.log_acceptance", acceptance, ""


def worths():
    """NumPyro's diagnostics as implementations."""
    from numpyro import diagnostics

    def halves(draws):
        half = draws.shape[1] // 2
        return float(diagnostics.effective_sample_size(np.concatenate([draws[:, :half], draws[:, -half:]])))

    def split_r_hat(draws):
        return float(diagnostics.split_gelman_rubin(draws))

    yield "split_gelman_rubin", "mcmc.split_r_hat", split_r_hat, ""
    yield "effective_sample_size of halves", "mcmc.effective_sample_size", halves, "sums the pairs alone"


def main(quick=False):
    """Print the table, write the record; 0 where every report is what it should be."""
    import jax

    jax.config.update("jax_enable_x64", True)
    found = []
    for name, spec_id, function, words in [*paths(), *worths()]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = refvi.check(spec_id, function, cases=10 if quick else CASES, framework="numpy")
        right = report.passed if not words else words in report.text()
        print(f"{name:<34} {spec_id:<28} {report.verdict}  {'as it should be' if right else report.text()}")
        found.append(
            {"name": name, "spec": spec_id, "verdict": report.verdict, "words": words, "right": right}
        )
    found.append({"name": f"numpyro {version('numpyro')}", "right": True})
    return record("mcmc_libraries", found, all(row["right"] for row in found), quick)


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
