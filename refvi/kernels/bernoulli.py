"""Bernoulli log mass and divergence with gradients, by logits and by probabilities.

Outcomes may be any number of [0, 1] (a fractional outcome is the cross entropy); 0 log 0 is 0.
Not here: layers of units (the models sum over them).
"""

from refvi.kernels.portable import portable
from refvi.kernels.scalar import divide, log, sigmoid, softplus


@portable
def bernoulli_log_mass(x, logit):
    """Log mass of one Bernoulli, by logit.

    Formula     log p(x) = -x softplus(-a) - (1 - x) softplus(a) = x a - softplus(a)
    Gradient    d/da = x - sigmoid(a);  d/dx = a
    Shapes      x (), logit () -> ()
    Domain      0 <= x <= 1; infinite logits allowed
    Stability   no cancellation for x in {0, 1}: relative error of order u for every logit
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 2.2, 4.59
    Checked by  tests/kernels/test_bernoulli.py
    """
    if x == 0.0:
        return -softplus(logit)
    if x == 1.0:
        return -softplus(-logit)
    return -x * softplus(-logit) - (1.0 - x) * softplus(logit)


@portable
def bernoulli_log_mass_grad(x, logit):
    """Derivative of `bernoulli_log_mass` by the logit.

    Formula     as `bernoulli_log_mass`
    Gradient    d/da = x - sigmoid(a)
    Shapes      x (), logit () -> ()
    Domain      0 <= x <= 1
    Stability   for x = 1 it is sigmoid(-a), which keeps its digits for large logits
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 4.88
    Checked by  tests/kernels/test_bernoulli.py
    """
    if x == 1.0:
        return sigmoid(-logit)
    return x - sigmoid(logit)


@portable
def bernoulli_log_mass_probability(x, probability):
    """Log mass of one Bernoulli, by probability; 0 log 0 is 0.

    Formula     log p(x) = x log p + (1 - x) log(1 - p)
    Gradient    `bernoulli_log_mass_probability_grad`
    Shapes      x (), probability () -> ()
    Domain      0 <= x <= 1, 0 <= p <= 1; an impossible outcome has log mass -inf
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 2.2
    Checked by  tests/kernels/test_bernoulli.py
    """
    if x == 0.0:
        return log(1.0 - probability)
    if x == 1.0:
        return log(probability)
    return x * log(probability) + (1.0 - x) * log(1.0 - probability)


@portable
def bernoulli_log_mass_probability_grad(x, probability):
    """Derivative of `bernoulli_log_mass_probability` by the probability.

    Formula     as `bernoulli_log_mass_probability`
    Gradient    d/dp = x/p - (1 - x)/(1 - p)
    Shapes      x (), probability () -> ()
    Domain      0 <= x <= 1, 0 < p < 1; at the ends the limit from inside where it exists
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 2.2
    Checked by  tests/kernels/test_bernoulli.py
    """
    if x == 0.0:
        return -divide(1.0, 1.0 - probability)
    if x == 1.0:
        return divide(1.0, probability)
    return divide(x, probability) - divide(1.0 - x, 1.0 - probability)


@portable
def kl_bernoulli(logit_q, logit_p):
    """KL divergence between Bernoulli distributions, by logits.

    Formula     KL(q || p) = s(a) [softplus(-b) - softplus(-a)] + s(-a) [softplus(b) - softplus(a)],
                a = logit_q, b = logit_p, s = sigmoid
    Gradient    `kl_bernoulli_grad`
    Shapes      logit_q (), logit_p () -> ()
    Domain      finite logits
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.113
    Checked by  tests/kernels/test_bernoulli.py
    """
    on = softplus(-logit_p) - softplus(-logit_q)
    off = softplus(logit_p) - softplus(logit_q)
    return sigmoid(logit_q) * on + sigmoid(-logit_q) * off


@portable
def kl_bernoulli_grad(logit_q, logit_p, grad):
    """Derivatives of `kl_bernoulli`; returns the value.

    Formula     as `kl_bernoulli`
    Gradient    d/da = s(a) s(-a) (a - b);  d/db = s(b) - s(a)
    Shapes      logit_q (), logit_p (), grad (2,) by logit_q, logit_p -> ()
    Domain      finite logits
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.113
    Checked by  tests/kernels/test_bernoulli.py
    """
    grad[0] = sigmoid(logit_q) * sigmoid(-logit_q) * (logit_q - logit_p)
    grad[1] = sigmoid(logit_p) - sigmoid(logit_q)
    return kl_bernoulli(logit_q, logit_p)


@portable
def kl_bernoulli_probability(probability_q, probability_p):
    """KL divergence between Bernoulli distributions, by probabilities; 0 log 0 is 0.

    Formula     KL(q || p) = q log(q/p) + (1 - q) log((1 - q)/(1 - p))
    Gradient    `kl_bernoulli_probability_grad`
    Shapes      probability_q (), probability_p () -> ()
    Domain      0 <= q <= 1, 0 <= p <= 1; inf where q puts mass on an outcome that p excludes
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.113
    Checked by  tests/kernels/test_bernoulli.py
    """
    total = 0.0
    if probability_q != 0.0:
        total += probability_q * (log(probability_q) - log(probability_p))
    if probability_q != 1.0:
        total += (1.0 - probability_q) * (log(1.0 - probability_q) - log(1.0 - probability_p))
    return total


@portable
def kl_bernoulli_probability_grad(probability_q, probability_p, grad):
    """Derivatives of `kl_bernoulli_probability`; returns the value.

    Formula     as `kl_bernoulli_probability`
    Gradient    d/dq = log(q/p) - log((1 - q)/(1 - p));  d/dp = (1 - q)/(1 - p) - q/p
    Shapes      probability_q (), probability_p (), grad (2,) by probability_q, probability_p -> ()
    Domain      0 < q < 1, 0 < p < 1; infinite or NaN at the ends, as the limits are
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.113
    Checked by  tests/kernels/test_bernoulli.py
    """
    q, p = probability_q, probability_p
    grad[0] = (log(q) - log(p)) - (log(1.0 - q) - log(1.0 - p))
    grad[1] = divide(1.0 - q, 1.0 - p) - divide(q, p)
    return kl_bernoulli_probability(q, p)
