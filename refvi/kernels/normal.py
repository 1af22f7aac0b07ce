"""Normal log densities, reparameterised samples and divergences, each with its gradient by every argument.

Scales are spelled out in names and arguments: `std` is s, `log_var` is log s². Kernels ending in `_grad` write (do
not add) into their last arguments. Not here: full covariances (`normal_full.py`), families and priors of any model.
"""

from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI, divide, exp, log


@portable
def normal_log_density(x, mean, std):
    """Log density of a normal, by standard deviation.

    Formula     log N(x; m, s²) = -½ log 2π - log s - ½ ((x - m) / s)²
    Gradient    `normal_log_density_grad`
    Shapes      x (), mean (), std () -> ()
    Domain      std > 0
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.46
    Checked by  tests/kernels/test_normal.py
    """
    r = divide(x - mean, std)
    return -HALF_LOG_2_PI - log(std) - 0.5 * r * r


@portable
def normal_log_density_grad(x, mean, std, grad):
    """Derivatives of `normal_log_density`; returns the value.

    Formula     as `normal_log_density`
    Gradient    d/dx = -r/s;  d/dm = r/s;  d/ds = (r² - 1)/s;  r = (x - m)/s
    Shapes      x (), mean (), std (), grad (3,) by x, mean, std -> ()
    Domain      std > 0
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.46
    Checked by  tests/kernels/test_normal.py
    """
    r = divide(x - mean, std)
    grad[0] = -divide(r, std)
    grad[1] = divide(r, std)
    grad[2] = divide(r * r - 1.0, std)
    return normal_log_density(x, mean, std)


@portable
def diagonal_normal_log_density(x, mean, log_var):
    """Log density of independent normals, by log variance.

    Formula     sum_d [ -½ log 2π - ½ log_var_d - ½ (x_d - m_d)² exp(-log_var_d) ]
    Gradient    `diagonal_normal_log_density_grad`
    Shapes      x (D,), mean (D,), log_var (D,) -> ()
    Domain      |log_var| < 709: the variance and its inverse are floats
    Source      Kingma and Welling 2013, eq 9, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    total = 0.0
    for d in range(x.shape[0]):
        difference = x[d] - mean[d]
        total += -HALF_LOG_2_PI - 0.5 * log_var[d] - 0.5 * difference * difference * exp(-log_var[d])
    return total


@portable
def diagonal_normal_log_density_grad(x, mean, log_var, grad_x, grad_mean, grad_log_var):
    """Derivatives of `diagonal_normal_log_density`; returns the value.

    Formula     as `diagonal_normal_log_density`
    Gradient    d/dx = -(x - m)/s²;  d/dm = (x - m)/s²;  d/dlog_var = ½ ((x - m)²/s² - 1)
    Shapes      x (D,), mean (D,), log_var (D,), grad_x (D,), grad_mean (D,), grad_log_var (D,) -> ()
    Domain      |log_var| < 709: the variance and its inverse are floats
    Source      Kingma and Welling 2013, eq 9, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    for d in range(x.shape[0]):
        difference = x[d] - mean[d]
        precision = exp(-log_var[d])
        grad_x[d] = -difference * precision
        grad_mean[d] = difference * precision
        grad_log_var[d] = 0.5 * (difference * difference * precision - 1.0)
    return diagonal_normal_log_density(x, mean, log_var)


@portable
def standard_normal_log_density(z):
    """Log density of independent standard normals.

    Formula     sum_d [ -½ log 2π - ½ z_d² ]
    Gradient    d/dz_d = -z_d
    Shapes      z (D,) -> ()
    Domain      all reals
    Source      Kingma and Welling 2013, appendix B, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    total = 0.0
    for d in range(z.shape[0]):
        total -= HALF_LOG_2_PI + 0.5 * z[d] * z[d]
    return total


@portable
def diagonal_normal_sample(mean, log_var, noise, z):
    """Reparameterised sample.

    Formula     z_d = m_d + exp(½ log_var_d) noise_d
    Gradient    `diagonal_normal_sample_back`
    Shapes      mean (D,), log_var (D,), noise (D,), z (D,)
    Domain      all reals; noise standard normal gives z ~ N(mean, exp(log_var))
    Source      Kingma and Welling 2013, section 2.4, eq 10, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    for d in range(mean.shape[0]):
        z[d] = mean[d] + exp(0.5 * log_var[d]) * noise[d]


@portable
def diagonal_normal_sample_back(grad_z, log_var, noise, grad_mean, grad_log_var):
    """Add the path derivative at fixed noise.

    Formula     z_d = m_d + exp(½ log_var_d) noise_d
    Gradient    grad_mean_d += grad_z_d;  grad_log_var_d += ½ grad_z_d exp(½ log_var_d) noise_d
    Shapes      grad_z (D,), log_var (D,), noise (D,), grad_mean (D,), grad_log_var (D,)
    Domain      all reals
    Source      Kingma and Welling 2013, section 2.4, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    for d in range(grad_z.shape[0]):
        grad_mean[d] += grad_z[d]
        grad_log_var[d] += 0.5 * grad_z[d] * exp(0.5 * log_var[d]) * noise[d]


@portable
def diagonal_normal_entropy(log_var):
    """Entropy of independent normals, in nats.

    Formula     sum_d [ ½ log 2π + ½ + ½ log_var_d ]
    Gradient    d/dlog_var_d = ½
    Shapes      log_var (D,) -> ()
    Domain      all reals
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.110
    Checked by  tests/kernels/test_normal.py
    """
    total = 0.0
    for d in range(log_var.shape[0]):
        total += HALF_LOG_2_PI + 0.5 + 0.5 * log_var[d]
    return total


@portable
def kl_normal_standard(mean, log_var):
    """KL divergence from independent normals to the standard normal.

    Formula     KL( N(m, s²) || N(0, 1) ) = ½ sum_d [ m_d² + s_d² - 1 - log s_d² ]
    Gradient    `kl_normal_standard_grad`
    Shapes      mean (D,), log_var (D,) -> ()
    Domain      all reals
    Stability   a sum of terms of size log_var: near log_var = 0 the error is u, not u times the KL
    Source      Kingma and Welling 2013, appendix B, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    total = 0.0
    for d in range(mean.shape[0]):
        total += 0.5 * (mean[d] * mean[d] + exp(log_var[d]) - 1.0 - log_var[d])
    return total


@portable
def kl_normal_standard_grad(mean, log_var, grad_mean, grad_log_var):
    """Derivatives of `kl_normal_standard`; returns the value.

    Formula     as `kl_normal_standard`
    Gradient    d/dm = m;  d/dlog_var = ½ (s² - 1)
    Shapes      mean (D,), log_var (D,), grad_mean (D,), grad_log_var (D,) -> ()
    Domain      all reals
    Source      Kingma and Welling 2013, appendix B, arXiv:1312.6114v11
    Checked by  tests/kernels/test_normal.py
    """
    for d in range(mean.shape[0]):
        grad_mean[d] = mean[d]
        grad_log_var[d] = 0.5 * (exp(log_var[d]) - 1.0)
    return kl_normal_standard(mean, log_var)


@portable
def kl_diagonal_normals(mean_q, log_var_q, mean_p, log_var_p):
    """KL divergence between independent normals.

    Formula     KL(q || p) = ½ sum_d [ log s_p² - log s_q² + s_q²/s_p² + (m_q - m_p)²/s_p² - 1 ]
    Gradient    `kl_diagonal_normals_grad`
    Shapes      mean_q (D,), log_var_q (D,), mean_p (D,), log_var_p (D,) -> ()
    Domain      all reals
    Source      Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq A.23
    Checked by  tests/kernels/test_normal.py
    """
    total = 0.0
    for d in range(mean_q.shape[0]):
        difference = mean_q[d] - mean_p[d]
        log_ratio = log_var_q[d] - log_var_p[d]
        total += 0.5 * (exp(log_ratio) - 1.0 - log_ratio + difference * difference * exp(-log_var_p[d]))
    return total


@portable
def kl_diagonal_normals_grad(
    mean_q, log_var_q, mean_p, log_var_p, grad_mean_q, grad_log_var_q, grad_mean_p, grad_log_var_p
):
    """Derivatives of `kl_diagonal_normals`; returns the value.

    Formula     as `kl_diagonal_normals`
    Gradient    d/dm_q = (m_q - m_p)/s_p² = -d/dm_p;  d/dlog s_q² = ½ (s_q²/s_p² - 1);
                d/dlog s_p² = ½ (1 - s_q²/s_p² - (m_q - m_p)²/s_p²)
    Shapes      all (D,) -> ()
    Domain      all reals
    Source      Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq A.23
    Checked by  tests/kernels/test_normal.py
    """
    for d in range(mean_q.shape[0]):
        difference = mean_q[d] - mean_p[d]
        precision_p = exp(-log_var_p[d])
        ratio = exp(log_var_q[d] - log_var_p[d])
        grad_mean_q[d] = difference * precision_p
        grad_mean_p[d] = -difference * precision_p
        grad_log_var_q[d] = 0.5 * (ratio - 1.0)
        grad_log_var_p[d] = 0.5 * (1.0 - ratio - difference * difference * precision_p)
    return kl_diagonal_normals(mean_q, log_var_q, mean_p, log_var_p)
