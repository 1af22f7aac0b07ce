# %% [markdown]
# # A surrogate that is no bound
#
# *Question.* Notes of 2015 on the discrete VAE replace the expectation in the bound
# $\mathcal{L}(\mu) = E_{q_\mu} \log p(x, h) + H(q_\mu)$ by the likelihood at the mean,
# $J(\mu) = \log p(x, \mu) + H(q_\mu)$ (their Eq 4), and ask: is maximising $J$ the same as maximising $\mathcal{L}$?
#
# **By hand.** $\log p(h)$ is linear in each $h_k$, so the two differ by $\log p(x \mid \mu) - E_{q_\mu} \log p(x \mid h)$
# alone. With one logistic layer, $\log p(x_d \mid h) = x_d a_d - \log(1 + e^{a_d})$ with $a = Wh + b$: concave in $h$. By
# Jensen's inequality $J(\mu) \ge \mathcal{L}(\mu)$: the surrogate lies *above* the bound, with equality at the corners of
# the cube. To second order in the weights the gap is
# $\tfrac12 \sum_d \sigma(a_d) \sigma(-a_d) \sum_k W_{dk}^2 \mu_k (1 - \mu_k)$.

# %%
import numpy as np

from refvi.algorithms import gradient_refinement
from refvi.models import discrete_vae

# Two causes that explain the same effects: either is enough to switch them on.
weights, bias = np.full((3, 2), 4.0), np.full(3, -2.0)
psi = discrete_vae.linear(weights, bias, np.full(2, -0.5))
x = np.ones((1, 3))
evidence = discrete_vae.log_evidence(x, psi).log_evidence[0]

grid = np.linspace(-8.0, 8.0, 65)
logits = np.array([[a, b] for a in grid for b in grid])
many = np.repeat(x, len(logits), axis=0)
bound = discrete_vae.elbo(many, psi, logits).elbo
surrogate = discrete_vae.surrogate(many, psi, logits).surrogate
best, chosen = logits[bound.argmax()], logits[surrogate.argmax()]
print(f"log p(x)                            {evidence:.6f}")
print(f"largest bound      {bound.max():.6f}   at mu {np.round(1 / (1 + np.exp(-best)), 3)}")
print(f"largest surrogate  {surrogate.max():.6f}   at mu {np.round(1 / (1 + np.exp(-chosen)), 3)}")
print(f"the bound there    {bound[surrogate.argmax()]:.6f}")

# %% [markdown]
# The largest surrogate exceeds $\log p(x)$, so that it bounds nothing, and the $q$ that it chooses is a worse one: it leaves
# both causes undecided where the bound pays for that. Small weights: the gap against its second-order formula.

# %%
mu = np.array([0.3, 0.6])
q = np.log(mu / (1 - mu))
ratios = []
for scale in (1.0, 0.1, 0.01):
    small = discrete_vae.linear(scale * weights, bias, np.full(2, -0.5))
    a = scale * weights @ mu + bias
    curvature = 1 / (1 + np.exp(-a)) / (1 + np.exp(a))
    formula = 0.5 * np.sum(curvature * np.sum((scale * weights) ** 2 * mu * (1 - mu), axis=1))
    gap = discrete_vae.gap(x, small, q)[0]
    ratios.append(gap / formula)
    print(f"weights x {scale:<5} gap {gap:.3e}   second order {formula:.3e}   ratio {ratios[-1]:.4f}")

# %% [markdown]
# Refining from the same starting point by either objective, as the notes do from the recognition net's proposal:

# %%
start = np.array([[0.2, -0.1]])
by_bound = gradient_refinement.refine(x, psi, start, objective="elbo", steps=200).logits
by_surrogate = gradient_refinement.refine(x, psi, start, objective="surrogate", steps=200).logits
reached = {
    "start": discrete_vae.elbo(x, psi, start).elbo[0],
    "refined on the bound": discrete_vae.elbo(x, psi, by_bound).elbo[0],
    "refined on the surrogate": discrete_vae.elbo(x, psi, by_surrogate).elbo[0],
}
for name, value in reached.items():
    print(f"{name:<26} bound {value:.6f}   short of log p(x) by {evidence - value:.6f}")

# %% [markdown]
# `refvi ledger --source 000` says the same of the printed sentence, and `refvi list derivations` names the steps.

# %%
assert np.all(surrogate >= bound - 1e-12)
assert surrogate.max() > evidence > bound.max()
assert bound[surrogate.argmax()] < bound.max() - 0.05
assert abs(ratios[2] - 1.0) < abs(ratios[1] - 1.0) < abs(ratios[0] - 1.0)
assert abs(ratios[2] - 1.0) < 0.005
assert reached["refined on the bound"] >= max(reached.values())
