# %% [markdown]
# # A gradient with pen and paper
#
# *Question.* The ELBO of a Gaussian variational autoencoder, differentiated by hand for every weight of both networks: is it
# the derivative?
#
# With $z = m(x) + e^{\frac12 \ell(x)} \varepsilon$ and the divergence in closed form,
#
# $$L = \log p(x \mid z) - \tfrac12 \sum_d \left( m_d^2 + e^{\ell_d} - 1 - \ell_d \right)$$
#
# (Kingma and Welling 2014, eq 10, arXiv:1312.6114v11). The chain rule needs three lines. Write $g = \partial \log p(x|z) /
# \partial z$, which the backward pass of the decoder delivers. Then
#
# $$\frac{\partial L}{\partial m_d} = g_d - m_d, \qquad
#   \frac{\partial L}{\partial \ell_d} = \tfrac12 g_d\, e^{\frac12 \ell_d} \varepsilon_d - \tfrac12 (e^{\ell_d} - 1),$$
#
# and both flow back through the encoder. A detached sample loses the $g$ terms; a `log_var` used as a standard deviation
# loses the halves.

# %%
import numpy as np

from refvi.models import gaussian_vae
from refvi.oracles import differences

rng = np.random.default_rng(5)
X, H, Z, N, K = 5, 4, 2, 3, 2
theta = gaussian_vae.Decoder(
    rng.normal(size=(H, Z)),
    rng.normal(size=H),
    rng.normal(size=(X, H)),
    rng.normal(size=X),
    0.3 * rng.normal(size=X),
)
phi = gaussian_vae.Encoder(
    rng.normal(size=(H, X)),
    rng.normal(size=H),
    rng.normal(size=(Z, H)),
    rng.normal(size=Z),
    0.5 * rng.normal(size=(Z, H)),
    0.3 * rng.normal(size=Z),
)
x, noise = rng.normal(size=(N, X)), rng.normal(size=(N, K, Z))
found = gaussian_vae.elbo(x, theta, phi, noise, form="kl")
print("ELBO of each datum", np.round(found.bound, 6))

# %% [markdown]
# Every entry of the manual gradient against adaptive differences, which come with an estimate of their own error:

# %%
worst = 0.0
for name, at, wrt in (("theta", theta, "grad_theta"), ("phi", phi, "grad_phi")):

    def value(moved, name=name):
        both = {"theta": theta, "phi": phi, name: moved}
        return float(np.sum(gaussian_vae.elbo(x, both["theta"], both["phi"], noise, form="kl")[0]))

    for field in at._fields:
        array, manual = getattr(at, field), getattr(getattr(found, wrt), field)
        for index in list(np.ndindex(array.shape))[:6]:

            def line(t, field=field, index=index, array=array, at=at, value=value):
                moved = array.copy()
                moved[index] = t
                return value(at._replace(**{field: moved}))

            slope, error = differences.derivative(line, float(array[index]))[:2]
            worst = max(worst, abs(manual[index] - slope) / (4 * error + 1e-13))
    print(f"{wrt}: largest deviation so far {worst:.2f} of the differences' own error bound")

# %% [markdown]
# The three forms of the ELBO differ on a sample and agree in expectation. Gauss-Hermite nodes as noise turn the sample mean
# into that expectation:

# %%
nodes, weights = np.polynomial.hermite_e.hermegauss(24)
grid = np.array([[a, b] for a in nodes for b in nodes])
mass = np.outer(weights, weights).ravel() / (2 * np.pi)
exact = {
    form: gaussian_vae.elbo(x, theta, phi, np.repeat(grid[None], N, 0), form=form, sample_weights=mass)[0]
    for form in ("joint", "entropy", "kl")
}
for form, values in exact.items():
    print(f"{form:>8}", np.round(values, 10))

# %%
assert worst < 1
assert np.allclose(exact["joint"], exact["kl"], rtol=0, atol=1e-9)
assert np.allclose(exact["entropy"], exact["kl"], rtol=0, atol=1e-9)
