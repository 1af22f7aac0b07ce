# %% [markdown]
# # Two phases that ascend two different things
#
# *Question.* Wake-sleep trains a generative net on what the recognition net sees, and the recognition net on what the
# generative net dreams (Hinton et al. 1995, Science 268). Each phase is the ascent of something. Does the whole converge?
#
# For a network $h \to x$ with recognition net $q_\phi(h \mid x)$,
#
# $$\text{wake:}\quad \nabla_\theta\, E_{data} E_{q_\phi} \log p_\theta(x, h) = \nabla_\theta \, \text{ELBO}, \qquad
#   \text{sleep:}\quad \nabla_\phi\, E_{p_\theta(x, h)} \log q_\phi(h \mid x) = -\nabla_\phi\, E_{p_\theta(x)}
#   KL(p_\theta(h \mid x) \,\|\, q_\phi(h \mid x)).$$
#
# Both are delta rules: with $p_i = \sigma(b_i + W_i h)$, $\partial \log p / \partial W_{ij} = (x_i - p_i) h_j$, and the
# same upside down. But the sleep phase lowers $KL(p \| q)$ on dreams, while the ELBO has $KL(q \| p)$ on data.

# %%
import numpy as np

from refvi.algorithms import trees, wake_sleep
from refvi.models import layered_belief
from refvi.oracles import differences

rng = np.random.default_rng(2)


def layer(outcomes, given):
    return layered_belief.Layer(rng.normal(size=(outcomes, given)), rng.normal(size=outcomes))


theta = layered_belief.Generative((layer(3, 2), layer(2, 2)), rng.normal(size=2))
phi = layered_belief.Recognition((layer(2, 3), layer(2, 2)))
x = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
bound = layered_belief.elbo(x, theta, phi)
print("log p(x)", np.round(layered_belief.log_evidence(x, theta).log_evidence, 6))
print("ELBO    ", np.round(bound.elbo, 6))

# %% [markdown]
# The sleep rule, averaged over all $2^7$ dreams of two hidden layers, against differences of its objective, and beside the
# gradient of the ELBO in the same weight:

# %%
asleep = layered_belief.sleep(theta, phi)
weights = phi.layers[0].weights
worst = 0.0
for index in np.ndindex(weights.shape):

    def objective(t, index=index):
        moved = weights.copy()
        moved[index] = t
        first = phi.layers[0]._replace(weights=moved)
        return layered_belief.sleep(theta, layered_belief.Recognition((first, phi.layers[1]))).objective

    slope, error = differences.derivative(objective, float(weights[index]))[:2]
    manual = asleep.grad_phi.layers[0].weights[index]
    worst = max(worst, abs(manual - slope) / (4 * error + 1e-13))
    print(index, f"sleep {manual:+.6f}   ELBO {bound.grad_phi.layers[0].weights[index]:+.6f}")
print(f"largest deviation from the differences: {worst:.2f} of their error bound")

# %% [markdown]
# Now a network on which the two together circle. Two causes, two symptoms, each symptom of its own cause. The recognition
# weights stay as they are, and are crossed: the first cause is read mostly off the second symptom, the second off the first
# with the opposite sign. Prior logits $c$ and recognition biases learn. The data come from the network itself, $c = (0.25,
# 0.25)$: the maximum of the log evidence is known, and both phases rest there. Started beside it:

# %%
generative = layered_belief.Generative(
    (layered_belief.Layer(8 * np.eye(2), np.full(2, -4.0)),), np.full(2, 0.25)
)
states = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
mass = np.exp(layered_belief.log_evidence(states, generative).log_evidence)
net = layered_belief.Recognition(
    (layered_belief.Layer(np.array([[1.0, 6.0], [-6.0, 1.0]]), np.array([-3.0, 3.0])),)
)
still = layered_belief.Layer(np.zeros((2, 2)), np.zeros(2))
learn_theta = layered_belief.Generative((still,), np.full(2, 4.0))
learn_phi = layered_belief.Recognition((still._replace(bias=np.full(2, 8.0)),))

start = generative._replace(prior_logits=np.array([0.5, 0.25]))
path, values, at, guess = [], [], start, net
for _ in range(60):
    path.append(at.prior_logits)
    values.append(mass @ layered_belief.log_evidence(states, at).log_evidence)
    at = wake_sleep.wake_step(states, at, guess, rate=learn_theta, mass=mass)
    for _ in range(8):
        guess = wake_sleep.sleep_step(at, guess, rate=learn_phi)
path, values = np.array(path), np.array(values)
top = mass @ np.log(mass)
print(f"maximum {top:.4f}; the first rounds {values[:4].min():.4f} to {values[:4].max():.4f}")
print(f"last thirty rounds: {values[30:].min():.4f} to {values[30:].max():.4f}")

# %% [markdown]
# Ascent on the ELBO in the same four parameters from the same start comes to rest. It ends at another place: the best
# compromise for these recognition weights, not the maximum of the log evidence.

# %%
rates = (trees.scale(learn_theta, 2.0), learn_phi)
ascent = wake_sleep.elbo_ascent(states, start, net, steps=60, rate=rates, mass=mass)
slopes = layered_belief.elbo(states, ascent.theta, ascent.phi, mass=mass)
print("ELBO", np.round(ascent.elbo[::12], 5))
print("slopes at the end", slopes.grad_theta.prior_logits, slopes.grad_phi.layers[0].bias)

# %%
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.4))
left.axhline(top, color="0.5", lw=1, label="maximum")
left.plot(values, "C3", label="wake-sleep")
left.set(xlabel="round", ylabel="log evidence per datum, nats")
left.legend(frameon=False)
right.plot(*path.T, "C3.-", lw=0.8, ms=3)
right.plot(0.25, 0.25, "k+", ms=10)
right.set(xlabel="prior logit of the first cause", ylabel="of the second")
figure.tight_layout()
plt.show()

# %%
assert worst < 1
assert values[:10].max() > top - 0.01
assert values[30:].max() < top - 0.05
assert np.ptp(values[30:]) > 0.05
assert np.all(np.diff(ascent.elbo) > -1e-13)
assert np.abs(slopes.grad_phi.layers[0].bias).max() < 1e-4
