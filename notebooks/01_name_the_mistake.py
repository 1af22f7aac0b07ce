# %% [markdown]
# # Which mistake is it?
#
# *Question.* A KL term makes training run and the curve fall. Is the formula right, and if not, what is wrong with it?
#
# For a diagonal normal $q = N(\mu, \operatorname{diag} s^2)$ against the standard normal,
#
# $$\mathrm{KL}(q \,\|\, N(0, I)) = \tfrac12 \sum_d \left( \mu_d^2 + s_d^2 - 1 - \log s_d^2 \right)$$
#
# (Kingma and Welling 2014, Appendix B, arXiv:1312.6114v11).

# %%
import numpy as np

import refvi


def right(mu, log_var):
    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(-1)


print(refvi.check("kl.normal_standard", right, scale="log_var").text())

# %% [markdown]
# The mean over the latent axis instead of the sum is the most frequent mistake in public code. A gradient checker cannot see
# it: the gradient is the derivative of the same wrong value.


# %%
def averaged(mu, log_var):
    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).mean(-1)


report = refvi.check("kl.normal_standard", averaged, scale="log_var")
print(report.text())

# %% [markdown]
# The factor is exactly one over the number of latents, so the printed ratio is a half for the two latents of the smallest
# case: an effective $\beta$ of $1/D$.

# %%
latents = report.case["mu"].shape[-1]
ratio = report.lines[0].got / report.lines[0].want
print(f"ratio {ratio!r}, 1/D = {1 / latents!r}")

# %% [markdown]
# A mistake that no catalogue holds is said in the terms of the reference.


# %%
def half_the_entropy(mu, log_var):
    return -0.5 * (1 + 0.5 * log_var - mu**2 - np.exp(log_var)).sum(-1)


unlisted = refvi.check("kl.normal_standard", half_the_entropy, scale="log_var")
print(unlisted.text())

# %%
assert report.mistake == "kl-mean-over-latents"
assert abs(ratio - 1 / latents) < 1e-15
assert "entropy × 0.5" in unlisted.message
