"""Kernels of a sigmoid belief network of any depth: both log masses, their delta rules, recognition pass and dream.

`units` is one vector, x and then h^1 to h^L; `sizes` ends with 0, so that the prior is a layer with nothing above it.
Not here: what is enumerated or scheduled (`states`).

Source      Neal 1992, "Connectionist learning of belief networks", section 3, eq 4-5;
            Hinton, Dayan, Frey and Neal 1995, "The wake-sleep algorithm for unsupervised neural networks", Science 268
Checked by  tests/models/test_layered_belief.py
"""

from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid


@portable
def unit_logit(given, parameters, count, i):
    """Log odds of unit i of a layer of `count` units.

    Formula     b_i + sum_j W_ij given_j
    Shapes      given (I,), parameters (O*I + O, or longer), count () = O, i () -> ()
    """
    width = given.shape[0]
    total = parameters[count * width + i]
    for j in range(width):
        total += parameters[i * width + j] * given[j]
    return total


@portable
def layer_log_mass(outcome, given, parameters):
    """Log mass of a layer.

    Formula     sum_i log Bern(outcome_i; sigmoid(b_i + W_i given))
    Gradient    `layer_log_mass_grad`
    Shapes      outcome (O,), given (I,), parameters (O*I + O, or longer) -> ()
    """
    count, total = outcome.shape[0], 0.0
    for i in range(count):
        total += bernoulli_log_mass(outcome[i], unit_logit(given, parameters, count, i))
    return total


@portable
def layer_log_mass_grad(outcome, given, parameters, scale, grad):
    """Add scale times the delta rule of a layer; returns the log mass.

    Formula     as `layer_log_mass`
    Gradient    d/dW_ij = e_i given_j;  d/db_i = e_i = outcome_i - sigmoid(b_i + W_i given)
    Shapes      outcome (O,), given (I,), parameters and grad (O*I + O, or longer), scale () -> ()
    """
    count, width, total = outcome.shape[0], given.shape[0], 0.0
    for i in range(count):
        logit = unit_logit(given, parameters, count, i)
        total += bernoulli_log_mass(outcome[i], logit)
        error = scale * bernoulli_log_mass_grad(outcome[i], logit)
        grad[count * width + i] += error
        for j in range(width):
            grad[i * width + j] += error * given[j]
    return total


@portable
def sample_layer(given, parameters, uniform, outcome):
    """Draw a layer.

    Formula     outcome_i = [ uniform_i < sigmoid(b_i + W_i given) ]
    Shapes      given (I,), parameters (O*I + O, or longer), uniform (O,), outcome (O,)
    """
    count = outcome.shape[0]
    for i in range(count):
        outcome[i] = 1.0 if uniform[i] < sigmoid(unit_logit(given, parameters, count, i)) else 0.0


@portable
def log_joint(units, sizes, theta):
    """Log joint of one state of all units.

    Formula     sum_(l < L) log p(h^l | h^(l+1)) + log p(h^L),  h^0 = x
    Gradient    `log_joint_grad`
    Shapes      units (U,), sizes (L + 2,), theta (P,) -> ()
    """
    total, unit, at = 0.0, 0, 0
    for layer in range(sizes.shape[0] - 1):
        low, high = sizes[layer], sizes[layer + 1]
        middle = unit + low
        total += layer_log_mass(units[unit:middle], units[middle : middle + high], theta[at:])
        unit = middle
        at += low * high + low
    return total


@portable
def log_joint_grad(units, sizes, theta, scale, grad):
    """Add scale times the wake delta rule, the gradient of the log joint in theta; returns the value.

    Formula     as `log_joint`
    Gradient    layer by layer: d/dW_ij = (h^l_i - p_i) h^(l+1)_j;  d/db_i = h^l_i - p_i = h^l_i - sigmoid(b_i + W_i h^(l+1))
    Shapes      units (U,), sizes (L + 2,), theta and grad (P,), scale () -> ()
    """
    total, unit, at = 0.0, 0, 0
    for layer in range(sizes.shape[0] - 1):
        low, high = sizes[layer], sizes[layer + 1]
        middle = unit + low
        total += layer_log_mass_grad(
            units[unit:middle], units[middle : middle + high], theta[at:], scale, grad[at:]
        )
        unit = middle
        at += low * high + low
    return total


@portable
def log_q(units, sizes, phi):
    """Log mass of the hidden units under the recognition net.

    Formula     sum_(l < L) log q(h^(l+1) | h^l),  h^0 = x
    Gradient    `log_q_grad`
    Shapes      units (U,), sizes (L + 2,), phi (Q,) -> ()
    """
    total, unit, at = 0.0, 0, 0
    for layer in range(sizes.shape[0] - 2):
        low, high = sizes[layer], sizes[layer + 1]
        middle = unit + low
        total += layer_log_mass(units[middle : middle + high], units[unit:middle], phi[at:])
        unit = middle
        at += low * high + high
    return total


@portable
def log_q_grad(units, sizes, phi, scale, grad):
    """Add scale times the sleep delta rule, the gradient of log q in phi; returns the value.

    Formula     as `log_q`
    Gradient    layer by layer: d/dV_ji = (h^(l+1)_j - q_j) h^l_i;  d/da_j = h^(l+1)_j - q_j,  q_j = sigmoid(a_j + V_j h^l)
    Shapes      units (U,), sizes (L + 2,), phi and grad (Q,), scale () -> ()
    """
    total, unit, at = 0.0, 0, 0
    for layer in range(sizes.shape[0] - 2):
        low, high = sizes[layer], sizes[layer + 1]
        middle = unit + low
        total += layer_log_mass_grad(
            units[middle : middle + high], units[unit:middle], phi[at:], scale, grad[at:]
        )
        unit = middle
        at += low * high + high
    return total


@portable
def sample_recognition(sizes, phi, uniform, units):
    """Recognition pass: the hidden units from below, x being there already.

    Formula     h^(l+1)_j = [ uniform_j < sigmoid(a_j + V_j h^l) ],  l = 0, ..., L - 1
    Shapes      sizes (L + 2,), phi (Q,), uniform (U - X,) in the order of the hidden units, units (U,)
    """
    unit, at = 0, 0
    for layer in range(sizes.shape[0] - 2):
        low, high = sizes[layer], sizes[layer + 1]
        middle = unit + low
        drawn = middle - sizes[0]
        sample_layer(
            units[unit:middle], phi[at:], uniform[drawn : drawn + high], units[middle : middle + high]
        )
        unit = middle
        at += low * high + high


@portable
def sample_joint(sizes, theta, uniform, units):
    """Dream: all units from the top.

    Formula     h^l_i = [ uniform_i < sigmoid(b_i + W_i h^(l+1)) ],  l = L, ..., 0
    Shapes      sizes (L + 2,), theta (P,), uniform (U,) in the order of the units, units (U,)
    """
    unit, at = units.shape[0], theta.shape[0]
    for step in range(sizes.shape[0] - 1):
        layer = sizes.shape[0] - 2 - step
        low, high = sizes[layer], sizes[layer + 1]
        first = unit - low
        at -= low * high + low
        sample_layer(units[unit : unit + high], theta[at:], uniform[first:unit], units[first:unit])
        unit = first
