# %% [markdown]
# # How far below the evidence is a bound, exactly?
#
# *Question.* The importance-weighted bound $L_k = E \log \frac1k \sum_{i \le k} w_i$ rises with $k$ towards $\log p(x)$
# (Burda et al. 2016, Theorem 1, arXiv:1509.00519v4). How fast, on a model where everything is a finite sum?
#
# The model is a sigmoid belief network of three hidden units with a factorised recognition net. Its eight states give
# $\log p(x)$ and the ELBO by enumeration. For any $k$ the expectation over $k$ samples is a one-dimensional integral,
#
# $$L_k = \int_0^\infty \frac{e^{-t} - M(t/k)^k}{t} \, dt, \qquad M(s) = E_q\, e^{-s w},$$
#
# because $\log a = \int_0^\infty (e^{-t} - e^{-at})/t \, dt$ and the samples are independent.

# %%
import numpy as np

from refvi.models import sigmoid_belief
from refvi.oracles import enumeration
from refvi.oracles.importance import iwae_bound

rng = np.random.default_rng(3)
theta = sigmoid_belief.Generative(rng.normal(size=3), rng.normal(size=(4, 3)) * 2, rng.normal(size=4))
phi = sigmoid_belief.Recognition(rng.normal(size=(3, 4)), rng.normal(size=3))
x = np.array([1.0, 0.0, 1.0, 1.0])

table = sigmoid_belief.tables(x, theta, phi)
log_weights = table.log_p - table.log_q
log_evidence = sigmoid_belief.log_evidence(x, theta).log_evidence[0]
elbo = sigmoid_belief.elbo(x, theta, phi).elbo[0]
print(f"log p(x) {log_evidence:+.15f}")
print(f"ELBO     {elbo:+.15f}   gap {log_evidence - elbo:.3e}")

# %% [markdown]
# The integral against the plain sum over all $8^k$ tuples of samples, for the first few $k$:

# %%
q = np.exp(table.log_q)
for k in (1, 2, 3, 4):
    by_sum = float(
        enumeration.expectation_over_tuples(
            lambda states: np.log(np.mean(np.exp(log_weights[list(states)]))), table.log_q, k
        ).value
    )
    by_integral = float(iwae_bound(log_weights, q, k).value)
    print(f"k={k}  integral - sum = {by_integral - by_sum:+.1e}")
    assert abs(by_integral - by_sum) < 1e-13

# %% [markdown]
# And for every other $k$ by the integral. The gap falls like $\operatorname{Var}(w / p) / (2k)$ (the delta method; Nowozin
# 2018, Proposition 1): the last column tends to one.

# %%
relative = np.exp(log_weights - log_evidence)
variance = float(q @ (relative - 1) ** 2)
counts = [1, 2, 5, 10, 30, 100, 1000, 10000]
gaps = [log_evidence - float(iwae_bound(log_weights, q, k).value) for k in counts]
for k, gap in zip(counts, gaps, strict=True):
    print(f"k={k:>6}  gap {gap:.6e}   gap 2k / Var(w/p) = {gap * 2 * k / variance:.4f}")

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(5.5, 3.4))
axis.loglog(counts, gaps, "o-", label="log p(x) - L_k, exact")
axis.loglog(counts, variance / (2 * np.array(counts)), "--", color="0.5", label="Var(w/p) / 2k")
axis.set_xlabel("samples k")
axis.set_ylabel("nats below the evidence")
axis.legend(frameon=False)
figure.tight_layout()
plt.show()

# %%
assert np.all(np.diff(gaps) < 0)
assert all(gap > 0 for gap in gaps)
assert abs(gaps[0] - (log_evidence - elbo)) < 1e-13
assert abs(gaps[-1] * 2 * counts[-1] / variance - 1) < 0.01
