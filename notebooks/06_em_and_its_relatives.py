# %% [markdown]
# # EM, what it climbs, and where gradients agree
#
# *Question.* EM climbs $Q(\theta, \theta') = E_{p(z \mid x; \theta')} \log p(x, z; \theta)$, gradient ascent climbs
# $L(\theta) = \log p(x; \theta)$. When are their gradients the same, and does EM ever lower $L$?
#
# **By hand.** $L(\theta) = Q(\theta, \theta') + H(\theta') + KL(p_{\theta'}(z \mid x) \,\|\, p_\theta(z \mid x))$ for every
# $\theta'$. The divergence is at least 0, and 0 at $\theta = \theta'$, where it is smallest: its gradient vanishes there. So
# $\nabla L(\theta') = \nabla Q(\theta, \theta')|_{\theta = \theta'}$ (Fisher's identity), and
# $L(\theta) - L(\theta') \ge Q(\theta, \theta') - Q(\theta', \theta')$: raising $Q$ raises $L$ at least as much.

# %%
import numpy as np

from refvi.algorithms import em
from refvi.models import hidden_markov
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.parameters import flat

rng = np.random.default_rng(5)


def model():
    return HiddenMarkov(
        rng.normal(size=2), rng.normal(size=(2, 2)), CategoricalEmission(rng.normal(size=(2, 1, 3)))
    )


data = [rng.integers(0, 3, size=(length, 1)) for length in (12, 7, 1)]
theta = model()
_, statistics = hidden_markov.expect(theta, data)
by_q = flat(hidden_markov.grad_q(theta, statistics))
by_l = flat(hidden_markov.grad_log_evidence(theta, data)[1])
print("at theta'        largest difference of the gradients", np.abs(by_q - by_l).max())

moved = hidden_markov.maximise(theta, statistics)
apart = np.abs(
    flat(hidden_markov.grad_q(moved, statistics)) - flat(hidden_markov.grad_log_evidence(moved, data)[1])
).max()
print("after the M step largest difference of the gradients", apart)

# %% [markdown]
# At $\theta'$ they are equal; after the M step that of $Q$ is zero and that of $L$ is not. Three ways up, from one start:

# %%
runs = {
    "EM": em.em(hidden_markov, theta, data, steps=40),
    "generalised EM (one step on Q)": em.generalised_em(hidden_markov, theta, data, steps=40),
    "gradient ascent on L": em.gradient_ascent(hidden_markov, theta, data, steps=40),
}
for name, run in runs.items():
    print(f"{name:<32}", " ".join(f"{run.log_evidence[t]:9.5f}" for t in (0, 1, 2, 5, 10, 40)))
falls = {name: float(np.diff(run.log_evidence).min()) for name, run in runs.items()}
print("smallest gain of a step", {name: f"{fall:.1e}" for name, fall in falls.items()})

# %% [markdown]
# And the inequality itself, the gain in $L$ against the gain in $Q$, over steps of every length towards other models:

# %%
margins = []
for _ in range(50):
    other = model()
    for t in (0.1, 0.5, 1.0):
        there = type(theta)(
            *(
                a + t * (b - a)
                if isinstance(a, np.ndarray)
                else type(a)(a.logits + t * (b.logits - a.logits))
                for a, b in zip(theta, other, strict=True)
            )
        )
        gain_l = hidden_markov.expect(there, data)[0] - hidden_markov.expect(theta, data)[0]
        gain_q = hidden_markov.q_function(there, statistics) - hidden_markov.q_function(theta, statistics)
        margins.append(gain_l - gain_q)
print(f"gain in L - gain in Q: smallest of {len(margins)} is {min(margins):.3e}, largest {max(margins):.3e}")

# %%
assert np.abs(by_q - by_l).max() < 1e-12 < 1e-3 < apart
assert min(falls.values()) > -1e-11
assert min(margins) > 0.0
assert runs["EM"].log_evidence[-1] > runs["EM"].log_evidence[0] + 1.0
