"""Markov chains as matrices: what Metropolis-Hastings must be, which distribution stays, how fast it forgets.

Transition matrices are made from probabilities, never from logarithms; stationary distributions by elimination without
subtraction; autocorrelation by powers and by the fundamental matrix. Leapfrog on a quadratic energy is a matrix too. The
effective sample size of draws is written here by Fourier transforms, as an answer that shares no sum with a kernel.
Not here: chains that are run.
"""

import math

import numpy as np

from refvi.oracles.answer import Answer


def metropolis_hastings(target, proposal):
    """Transition matrix of Metropolis-Hastings.

    Formula     P_ij = min(g_ij, pi_j g_ji / pi_i) for j != i;  P_ii = 1 - sum_(j != i) P_ij
    Shapes      target (S,) probabilities, not necessarily normalised; proposal (S, S), rows of mass 1 -> (S, S)
    Domain      target > 0
    Source      Hastings 1970, Biometrika 57, section 2.2
    Checked by  tests/oracles/test_transition.py
    """
    target, proposal = np.asarray(target, dtype=np.float64), np.asarray(proposal, dtype=np.float64)
    moved = np.minimum(proposal, (target[None, :] * proposal.T) / target[:, None])
    np.fill_diagonal(moved, 0.0)
    rows = np.array([math.fsum(row) for row in moved])
    return moved + np.diag(1.0 - rows)


def stationary(transition):
    """The distribution that an irreducible chain keeps, by elimination without subtraction.

    Formula     states are censored one by one; every entry has a relative error of a few S u
    Shapes      (S, S) -> (S,)
    Source      Grassmann, Taksar and Heyman 1985, Operations Research 33, 1107-1116
    Checked by  tests/oracles/test_transition.py
    """
    p = np.array(transition, dtype=np.float64)
    size = len(p)
    leaving = np.zeros(size)
    for n in range(size - 1, 0, -1):
        leaving[n] = math.fsum(p[n, :n])
        p[:n, :n] += np.outer(p[:n, n], p[n, :n]) / leaving[n]
    found = np.zeros(size)
    found[0] = 1.0
    for n in range(1, size):
        found[n] = math.fsum(found[:n] * p[:n, n]) / leaving[n]
    return found / math.fsum(found)


def autocovariances(transition, target, values, lags):
    """Autocovariances of a stationary chain: cov(f(x_0), f(x_t)), t = 0 ... lags.

    Formula     c_t = sum_i pi_i f_i (P^t f)_i, f centred
    Shapes      transition (S, S), target (S,) of mass 1, values (S,) -> (lags + 1,)
    Checked by  tests/oracles/test_transition.py
    """
    centred = np.asarray(values, dtype=np.float64) - np.dot(target, values)
    found, moved = [], centred
    for _ in range(lags + 1):
        found.append(math.fsum(target * centred * moved))
        moved = transition @ moved
    return np.array(found)


def autocorrelation_time(transition, target, values):
    """Integrated autocorrelation time tau: N draws are worth N / tau independent ones.

    Formula     tau = 1 + 2 sum_(t >= 1) rho_t = (2 <f, Z f> / <f, f>) - 1,  Z = (I - P + 1 piᵀ)⁻¹, f centred
    Shapes      transition (S, S) irreducible and aperiodic, target (S,), values (S,) -> Answer of ()
    Source      Kemeny and Snell 1976, Finite Markov Chains, section 4.6
    Checked by  tests/oracles/test_transition.py
    """
    size = len(target)
    centred = np.asarray(values, dtype=np.float64) - np.dot(target, values)
    matrix = np.eye(size) - transition + np.outer(np.ones(size), target)
    summed = np.linalg.solve(matrix, centred)
    variance = math.fsum(target * centred * centred)
    terms = 2.0 * target * centred * summed / variance
    error = 4.0 * 2.0**-53 * size * float(np.linalg.cond(matrix)) * float(np.abs(terms).sum())
    return Answer(math.fsum(terms) - 1.0, float(np.abs(terms).sum()) + 1.0, error)


def autoregression_time(coefficient):
    """Integrated autocorrelation time of x' = a x + noise, whose autocorrelation is a^t: (1 + a) / (1 - a)."""
    return (1.0 + coefficient) / (1.0 - coefficient)


def leapfrog_matrix(precision, inverse_mass, step_size, steps):
    """Leapfrog on a quadratic energy ½ qᵀ A q + ½ pᵀ W p as one matrix on (q, p).

    Formula     (half kick · drift · half kick)^steps, kick [[I, 0], [-ε/2 A, I]], drift [[I, ε W], [0, I]]
    Shapes      precision (D, D), inverse_mass (D, D) -> (2 D, 2 D)
    Source      Neal 2011, eq 5.18 to 5.20, arXiv:1206.1901v1
    Checked by  tests/oracles/test_transition.py
    """
    one, zero = np.eye(len(precision)), np.zeros_like(precision, dtype=np.float64)
    kick = np.block([[one, zero], [-0.5 * step_size * np.asarray(precision), one]])
    drift = np.block([[one, step_size * np.asarray(inverse_mass)], [zero, one]])
    return np.linalg.matrix_power(kick @ drift @ kick, steps)


def autocovariance_of_draws(draws):
    """Biased autocovariances of each row by a Fourier transform, (C, N) -> (C, N): (1/N) sum_i x_i x_(i+t), centred."""
    draws = np.asarray(draws, dtype=np.float64)
    centred = draws - draws.mean(1, keepdims=True)
    count = draws.shape[1]
    spectrum = np.fft.rfft(centred, 2 * count, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, 2 * count, axis=1)[:, :count] / count


def effective_sample_size(draws):
    """Effective sample size of chains by the initial monotone positive sequence, in cumulative minima.

    Formula     S / max(tau, 1 / log10 S), S = C N;  rho_t = 1 - (W - mean_c acov_ct) / V, V = (1 - 1/N) W + B / N;
                tau = -1 + 2 sum_(m < k) min(P_0, ..., P_m) + rho_2k, P_m = rho_2m + rho_(2m+1), k the first pair with
                P_k <= 0 or the last with 2k + 1 <= N - 2; rho_2k counts where it or P_k is not negative
    Shapes      draws (C, N), N >= 4 -> (); NaN where no draw differs from another
    Source      Geyer 1992, Statistical Science 7, section 3.3; Vehtari et al. 2021, section 3.2, arXiv:1903.08008v5; the
                term rho_2k and the floor 1 / log10 S as in Stan since stan-dev/stan#2774
    Checked by  tests/oracles/test_transition.py
    """
    draws = np.asarray(draws, dtype=np.float64)
    if np.ptp(draws) == 0.0:
        return math.nan
    within, pooled = _variances(draws)
    rho = 1.0 - (within - autocovariance_of_draws(draws).mean(0)) / pooled
    rho[0] = 1.0
    pairs = np.add(*rho[: 2 * ((draws.shape[1] - 1) // 2)].reshape(-1, 2).T)
    stops = np.flatnonzero(pairs <= 0.0)
    k = int(stops[0]) if len(stops) else len(pairs) - 1
    tail = rho[2 * k] if rho[2 * k] > 0.0 or pairs[k] >= 0.0 else 0.0
    tau = -1.0 + 2.0 * float(np.minimum.accumulate(pairs[:k]).sum()) + tail
    return draws.size / max(tau, 1.0 / math.log10(draws.size))


def split(draws):
    """Every chain cut into its first and its last half, the middle draw of an odd length left out."""
    draws = np.asarray(draws, dtype=np.float64)
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def r_hat(draws):
    """Potential scale reduction sqrt(V / W) of chains as they are; inf where no chain moves but they differ."""
    within, pooled = _variances(np.asarray(draws, dtype=np.float64))
    return math.sqrt(pooled / within) if within > 0.0 else math.inf


def normal_scores(draws):
    """Normal scores of the ranks of all draws together: Phi^-1((r - 3/8) / (S + 1/4)), ties sharing their mean rank."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    draws = np.asarray(draws, dtype=np.float64)
    return ndtri((rankdata(draws, "average").reshape(draws.shape) - 0.375) / (draws.size + 0.25))


def _variances(draws):
    """W, the mean variance within chains, and V, the pooled estimate."""
    chains, count = draws.shape
    within = float(draws.var(1, ddof=1).mean())
    between = float(draws.mean(1).var(ddof=1)) if chains > 1 else 0.0
    return within, within * (count - 1) / count + between
