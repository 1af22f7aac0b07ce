"""What draws of a Markov chain are worth: autocorrelation time, its closed forms, Geyer's pairs, why sums are cut."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.markov import autoregressions, chain_draws, finite_chains, small_chains

GEYER = "Geyer 1992, Statistical Science 7"
VEHTARI = "Vehtari et al. 2021, arXiv:1903.08008v5"


@derivation(
    "ess.variance-of-mean",
    title="the variance of a mean of correlated draws",
    statement="Var((1/N) Σ f(x_i)) = (c_0/N) (1 + 2 Σ_{t<N} (1 - t/N) ρ_t)",
    source=f"{GEYER}, section 2; D2 section 2.3",
    system="S4",
    models=small_chains,
)
def variance_of_mean(E_paths, f, c, rho, N):
    """Every pair of draws counts; in equilibrium only the distance between them matters."""
    yield Step(
        "",
        "E over paths ((1/N) Σ_i f(x_i))²",
        E_paths(N, lambda z: (sum(f[z[i]] for i in range(N)) / N) ** 2),
    )
    yield Step(
        "=",
        "(1/N²) Σ_i Σ_j c_{|i-j|}",
        sum(c(abs(i - j)) for i in range(N) for j in range(N)) / N**2,
        "the square multiplied out; stationarity",
    )
    yield Step(
        "=",
        "(1/N²) (N c_0 + 2 Σ_{t<N} (N - t) c_t)",
        (N * c(0) + sum(2 * (N - t) * c(t) for t in range(1, N))) / N**2,
        "N - t pairs at distance t, in both orders",
    )
    yield Step(
        "=",
        "(c_0/N) (1 + 2 Σ_{t<N} (1 - t/N) ρ_t)",
        c(0) / N * (1 + sum(2 * (1 - t / N) * rho(t) for t in range(1, N))),
        "ρ_t = c_t / c_0",
    )


@derivation(
    "ess.autocorrelation-time",
    title="N draws are worth N/τ independent ones",
    statement="N Var(mean) / c_0 → τ = 1 + 2 Σ_{t≥1} ρ_t",
    source=f"{GEYER}, section 2; D2 section 2.3",
    system="S4",
    models=finite_chains,
)
def autocorrelation_time(scaled_variance, rhos, spectrum, summed, pi, f, c, total):
    """The weights 1 - t/N tend to one; the sum is that of geometric series, and that of a linear system."""
    counts = (128, 256, 512)
    shares = spectrum[1]
    yield Step("", "1 + 2 Σ (1 - t/N) ρ_t for N = 128, 256, 512", [scaled_variance(n) for n in counts])
    yield Step("->", "1 + 2 Σ_{t≥1} ρ_t", 1 + 2 * total(rhos[1:]), "Σ t ρ_t is finite", counts, 1.0)
    yield Step(
        "=",
        "Σ_i w_i (1 + λ_i)/(1 - λ_i)",
        total(shares[:-1] * (1 + spectrum[0][:-1]) / (1 - spectrum[0][:-1])),
        "ρ_t = Σ_i w_i λ_i^t; f has no part along λ = 1",
    )
    yield Step(
        "=",
        "2 Σ_x π f (Z f) / c_0 - 1",
        2 * total(pi * f * summed) / c(0) - 1,
        "Z = Σ_t T^t = (I - T + 1π)⁻¹ on f",
    )


@derivation(
    "ess.autoregression",
    title="the autocorrelation time of an autoregression",
    statement="ρ_t = a^t: τ = (1 + a)/(1 - a)",
    source=f"{GEYER}, section 2; Sokal 1997, section 3",
    system="S4",
    models=autoregressions,
)
def autoregression(a, N, powers, total):
    """A geometric series; the tail beyond lag 400 is below 10^-38."""
    yield Step("", "N / (1 + 2 Σ_{t=1}^{400} a^t)", N / (1 + 2 * total(powers(400))))
    yield Step("=", "N / (1 + 2 a/(1 - a))", N / (1 + 2 * a / (1 - a)), "geometric series")
    yield Step("=", "N (1 - a)/(1 + a)", N * (1 - a) / (1 + a), "one fraction")


@derivation(
    "ess.geyer-pairs",
    title="pairs of autocorrelations of a reversible chain are positive and fall",
    statement="P_m = ρ_{2m} + ρ_{2m+1} = Σ_i w_i λ_i^{2m} (1 + λ_i) > 0, P_{m+1} ≤ P_m",
    source=f"{GEYER}, theorem 3.1",
    system="S4",
    models=finite_chains,
)
def geyer_pairs(rho, spectrum, total):
    """Single autocorrelations may change sign, even powers of eigenvalues do not."""
    eigenvalues, shares = spectrum
    pair = shares * (1 + eigenvalues)
    yield Step("", "Σ_i w_i (1 + λ_i)", total(pair))
    yield Step("=", "ρ_0 + ρ_1", rho(0) + rho(1), "ρ_t = Σ_i w_i λ_i^t")
    yield Step(
        ">=", "Σ_i w_i λ_i² (1 + λ_i)", total(pair * eigenvalues**2), "-1 < λ_i ≤ 1: λ_i² ≤ 1 and 1 + λ_i ≥ 0"
    )
    yield Step("=", "ρ_2 + ρ_3", rho(2) + rho(3), "ρ_t = Σ_i w_i λ_i^t")
    yield Step(">=", "Σ_i w_i λ_i⁴ (1 + λ_i)", total(pair * eigenvalues**4), "λ_i⁴ ≤ λ_i²")
    yield Step("=", "ρ_4 + ρ_5", rho(4) + rho(5), "ρ_t = Σ_i w_i λ_i^t")
    yield Step(">=", "0", 0.0, "even powers")


@derivation(
    "ess.why-truncate",
    title="biased autocovariances of all lags sum to zero",
    statement="ĉ_0 + 2 Σ_{t=1}^{N-1} ĉ_t = (1/N) (Σ_i (x_i - m))² = 0",
    source=f"{GEYER}, section 3.1",
    system="S4",
    models=chain_draws,
)
def why_truncate(x, m, N, acov, total):
    """So that no estimate of τ can come from summing every lag: the sequence has to be cut."""
    y = x[0] - m[0]
    yield Step("", "ĉ_0 + 2 Σ_{t=1}^{N-1} ĉ_t", acov(0) + sum(2 * acov(t) for t in range(1, N)))
    yield Step(
        "=",
        "(1/N) Σ_i Σ_j (x_i - m)(x_j - m)",
        sum(y[i] * y[j] for i in range(N) for j in range(N)) / N,
        "1/N at every lag",
    )
    yield Step("=", "(1/N) (Σ_i (x_i - m))²", total(y) ** 2 / N, "a square multiplied out")
    yield Step("=", "0", 0.0, "deviations from the mean sum to zero")


@derivation(
    "r-hat.between-and-within",
    title="R-hat compares the pooled variance with the variance within chains",
    statement="(1/MN) Σ (x - m̄)² = (1 - 1/N) W + (1 - 1/M) B/N ≤ V = (1 - 1/N) W + B/N = R̂² W",
    source=f"{VEHTARI}, section 3.1; Gelman et al. 2013, Bayesian Data Analysis, equations 11.3, 11.4",
    system="S4",
    models=chain_draws,
)
def between_and_within(x, m, centre, W, B, M, N, column, total, root):
    """The square about the common mean splits; V makes up for the degree of freedom of the means."""
    yield Step("", "(1/MN) Σ_c Σ_i (x_ci - m̄)²", total(total((x - centre) ** 2)) / (M * N))
    yield Step(
        "=",
        "(1/MN) Σ_c Σ_i (x_ci - m_c)² + (1/M) Σ_c (m_c - m̄)²",
        total(total((x - column(m)) ** 2)) / (M * N) + total((m - centre) ** 2) / M,
        "the cross term sums to zero in every chain",
    )
    yield Step(
        "=",
        "(1 - 1/N) W + (1 - 1/M) B/N",
        (1 - 1 / N) * W + (1 - 1 / M) * B / N,
        "W over N - 1, B/N over M - 1",
    )
    yield Step("<=", "(1 - 1/N) W + B/N", (1 - 1 / N) * W + B / N, "1 - 1/M < 1")
    yield Step("=", "R̂² W", root(((1 - 1 / N) * W + B / N) / W) ** 2 * W, "R̂ = √(V/W)")
