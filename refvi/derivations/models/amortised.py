"""A mixture on bits with one recognition network for all data, beside the best q for each datum.

q(z = 2 | x; φ) = σ(φ_0 + φ_1 x_1 + φ_2 x_2) holds the posterior, and is `blind` where it does not see x_2; the bounded
network σ(½ tanh(...)) cannot be sure of anything. Not here: variational parameters for each datum (`locals`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla, sum_all, transposed
from refvi.derivations.models.bits import sigmoid
from refvi.derivations.models.locals import Local, local_mixtures
from refvi.derivations.numbers import exp, log, number, stack, total


@dataclass(frozen=True)
class Amortised(Local):
    """φ of the network; blind where φ_2 = 0 is kept."""

    phi: tuple = ()
    blind: bool = False

    def network(self, phi):
        """q(z | x^n; φ), shape (n, z)."""
        phi = number(phi)
        on = sigmoid(phi[0] + phi[1] * self.x[:, 0] + phi[2] * self.x[:, 1])
        return transposed(stack([1.0 - on, on]))

    @cached_property
    def q_phi(self):
        """q(z | x^n; φ)."""
        return self.network(self.phi)

    def elbo_phi(self, phi):
        """Σ_n ELBO of the network at any φ."""
        return self.elbo_of(self.theta, self.network(phi))

    @cached_property
    def exact_phi(self):
        """The φ whose network is the posterior: the log odds of a product mixture are affine in x."""
        logits = number(np.array(self.theta))
        off = [log(1.0 - sigmoid(logits[2 + i])) for i in range(4)]
        offset = logits[1] - logits[0] + off[2] + off[3] - off[0] - off[1]
        return stack([offset, logits[4] - logits[2], logits[5] - logits[3]])

    def at_exact(self):
        """The same with the network at the posterior."""
        return replace(self, phi=tuple(map(float, self.exact_phi.value)))

    @property
    def odds(self):
        """Log odds of the posterior, shape (n,)."""
        return self.odds_at(self.theta)

    def odds_at(self, theta):
        """The same at any θ."""
        joint = self.joint_at(theta)
        return log(joint[:, 1] / joint[:, 0])

    @cached_property
    def fitted_phi(self):
        """The best network: the posterior, or where it is blind the mean log odds of the data that look alike."""
        return self.fitted_at(self.theta)

    def fitted_at(self, theta):
        """The best network at any θ."""
        if not self.blind:
            return self.exact_phi
        odds = self.odds_at(theta)
        alike = [np.flatnonzero(self.x[:, 0] == bit) for bit in (0.0, 1.0)]
        off, on = (total(odds[rows]) / float(len(rows)) for rows in alike)
        return stack([off, on - off, number(0.0)])

    @cached_property
    def grad_network(self):
        """∇_φ log q(z | x^n; φ), shape (3, n, z)."""
        miss = np.array([[0.0, 1.0]]) - keep(self.q_phi[:, 1])
        return stack([miss, miss * self.x[:, :1], miss * self.x[:, 1:]])

    @property
    def phi_point(self):
        """φ as an array."""
        return number(np.array(self.phi))

    def elbo_both(self, theta, phi):
        """Σ_n ELBO(θ, φ; x^(n))."""
        return self.elbo_of(theta, self.network(phi))

    def elbo_of_theta_at_phi(self, theta):
        """Σ_n ELBO(θ, φ; x^(n)) as a function of θ."""
        return self.elbo_of(theta, self.q_phi)

    def grad_theta_of_datum(self, n):
        """∇_θ ELBO(θ, φ; x^(n)), shape (6,)."""
        return total(self.q_phi[n] * self.grad_log_joint[:, n])

    @cached_property
    def grad_elbo_theta(self):
        """∇_θ Σ_n ELBO by hand."""
        return sum_all(self.q_phi * self.grad_log_joint)

    @cached_property
    def grad_elbo_phi(self):
        """∇_φ Σ_n ELBO by hand: E_q (log p(x,z)/q) ∇_φ log q."""
        return sum_all(self.q_phi * log(self.joint / self.q_phi) * self.grad_network)

    @cached_property
    def grad_elbo_theta_after_phi(self):
        """∇_θ Σ_n ELBO at θ after φ has made its step."""
        q = self.network(self.phi_point + self.eta * self.grad_elbo_phi)
        return sum_all(q * self.grad_log_joint)

    def nabla_phi(self, function):
        """∇_φ by differences."""
        return nabla(function, self.phi)

    def best_elbo_at(self, theta):
        """Σ_n ELBO at any θ with the network fitted to that θ."""
        return self.elbo_of(theta, self.network(self.fitted_at(theta)))

    @cached_property
    def logits_phi(self):
        """φ_0 + φ_1 x_1 + φ_2 x_2 for every datum."""
        phi = self.phi_point
        return phi[0] + phi[1] * self.x[:, 0] + phi[2] * self.x[:, 1]

    @property
    def features(self):
        """(1, x_1, x_2), shape (3, n)."""
        return np.stack([np.ones(self.N), self.x[:, 0], self.x[:, 1]])

    def KL_n(self, q):
        """Σ_n KL(q || p(z | x^n; θ))."""
        return sum_all(q * log(q / self.posterior))

    @property
    def bounded(self):
        """q of the bounded network, log odds ½ tanh(...)."""
        e = exp(2.0 * self.logits_phi)
        return _table((e - 1.0) / (e + 1.0) / 2.0)

    @property
    def best_bounded(self):
        """The best q with log odds in [-½, ½] for every datum: the ELBO is concave in q, so clipped."""
        inside = np.clip(self.odds.value, -0.5, 0.5)
        return _table(number(inside))

    def elbo_along(self, eta):
        """Σ_n ELBO after a joint step of length η."""
        return self.elbo_both(
            self.point + eta * self.grad_elbo_theta, self.phi_point + eta * self.grad_elbo_phi
        )

    def slope_at_zero(self, function):
        """Derivative at η = 0, by differences."""
        return nabla(lambda point: function(point[0]), [0.0])[0]

    @property
    def sees_everything(self):
        """True where the network sees both bits."""
        return not self.blind


def _table(odds):
    """Tables (n, z) of log odds."""
    on = sigmoid(odds)
    return transposed(stack([1.0 - on, on]))


def amortised(draws):
    """A generic network."""
    made = local_mixtures(draws)
    fields = {name: getattr(made, name) for name in Local.__dataclass_fields__}
    return Amortised(**fields, phi=draws.reals(3, -1.2, 1.2))


def small_or_large_joint_steps(draws):
    """A small step size, every other time one that overshoots."""
    made = amortised(draws)
    return replace(made, eta=0.05 if draws.integer(0, 1) else draws.real(8.0, 40.0))


def blind_or_not(draws):
    """Every other time a network that does not see the second bit."""
    return replace(amortised(draws), blind=bool(draws.integer(0, 1)))


def blind(draws):
    """A network that does not see the second bit."""
    return replace(amortised(draws), blind=True)
