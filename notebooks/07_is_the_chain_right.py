# %% [markdown]
# # Is the chain right? Ask its matrix
#
# *Question.* A Metropolis-Hastings sampler with a wrong ratio still wanders about plausibly. On a finite state space its
# transition matrix $P$ can be written down, and then nothing is random: is $\pi P = \pi$?
#
# **By hand.** With $A(i \to j) = \min\left(1, \frac{\pi_j\, g(i \mid j)}{\pi_i\, g(j \mid i)}\right)$ the flow
# $\pi_i\, g(j \mid i)\, A(i \to j) = \min(\pi_i\, g(j \mid i),\ \pi_j\, g(i \mid j))$ is symmetric in $i$ and $j$: detailed
# balance, and summing it over $i$ gives stationarity (Metropolis et al. 1953; Hastings 1970, Biometrika 57).

# %%
import numpy as np

import refvi
from refvi.algorithms import metropolis_hastings

rng = np.random.default_rng(4)
states = 6
log_target = rng.normal(size=states)
log_proposal = rng.normal(size=(states, states))
log_proposal -= np.log(np.exp(log_proposal).sum(axis=1, keepdims=True))
pi = np.exp(log_target) / np.exp(log_target).sum()


def faults(matrix):
    """Largest breach of stationarity and of detailed balance."""
    flow = pi[:, None] * matrix
    return np.abs(pi @ matrix - pi).max(), np.abs(flow - flow.T).max()


right = metropolis_hastings.transition_matrix(log_target, log_proposal)
print("Metropolis-Hastings    stationarity {:.1e}   detailed balance {:.1e}".format(*faults(right)))

# %% [markdown]
# The same without the Hastings correction, and with it upside down, written as people write them:


# %%
def matrix(log_ratio):
    accept = np.exp(np.minimum(0.0, log_ratio))
    moves = np.exp(log_proposal) * accept
    np.fill_diagonal(moves, 0.0)
    return moves + np.diag(1.0 - moves.sum(axis=1))


difference = log_target[None, :] - log_target[:, None]
correction = log_proposal.T - log_proposal
wrong = {"correction missing": matrix(difference), "correction reversed": matrix(difference - correction)}
for name, found in wrong.items():
    print("{:<22} stationarity {:.1e}   detailed balance {:.1e}".format(name, *faults(found)))

# %% [markdown]
# Nobody enumerates a real sampler, but its ratio can be checked by itself:


# %%
@refvi.implements("mh.log_acceptance")
def log_acceptance(log_density, log_density_new, log_forward, log_backward):
    return np.minimum(0.0, log_density_new - log_density + log_forward - log_backward)


report = refvi.check(log_acceptance)
print(report.text())

# %%
assert max(faults(right)) < 1e-15
assert min(faults(wrong["correction missing"])) > 1e-3
assert min(faults(wrong["correction reversed"])) > 1e-3
assert not report.passed
assert report.mistake.startswith("mh-hastings")
