"""Manual gradients of the ELBO and the importance-weighted bound of a Gaussian autoencoder, for batches.

The quantities are those of `refvi.models.gaussian_vae.elbo` and `.iwae`, sample by sample; here all samples of a few
data make a block, and the networks become matrix products (`batched_vae_encoder`, `batched_vae_direct`). Where the
likelihood is Gaussian and samples are many, the Gram matrix of the output weights takes the place of the outputs
(`batched_vae_gram`).

The batch is cut into blocks and groups by its sizes alone, and every sum has a fixed order: no bit of the answer
depends on the number of threads.

    sizes for a comparison (X, Z, H, N, K): `SIZES`
    call     iwae_step(x, theta, phi, noise), of everything once before a clock is started

Source      Burda, Grosse and Salakhutdinov 2015, eq 8 and 13-14, arXiv:1509.00519v4;
            Kingma and Welling 2013, eq 3, 7 and 10, arXiv:1312.6114v11
Checked by  tests/fast/test_batched_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.fast import batched_vae_direct as direct
from refvi.fast import batched_vae_encoder as encoder
from refvi.fast import batched_vae_gram as gram
from refvi.fast.batched_vae_arguments import check_decoder_range, read_arguments
from refvi.fast.batched_vae_latents import Latents, Problem, add_into
from refvi.fast.compiled import compiled
from refvi.fast.one_blas_thread import one_blas_thread
from refvi.fast.threads import share

SIZES = (
    (16, 2, 32, 64, 1),
    (16, 2, 32, 64, 16),
    (16, 2, 32, 256, 64),
    (64, 8, 64, 64, 1),
    (64, 8, 64, 64, 16),
    (64, 8, 64, 256, 16),
    (256, 16, 100, 64, 16),
    (784, 20, 200, 64, 1),
    (784, 20, 200, 64, 16),
    (784, 50, 200, 256, 64),
)

METHODS = (None, "direct", "gram")
COEFFICIENTS = {
    "joint": (1.0, 1.0, 1.0, 0.0, 0.0),
    "entropy": (1.0, 1.0, 0.0, 1.0, 0.0),
    "kl": (1.0, 0.0, 0.0, 0.0, 1.0),
}
BLOCK_BYTES = 1 << 19  # of a block's matrices: half of a second cache
GROUPS = 16  # at most: each has a gradient of its own
SLICES = 8  # at most: pieces of one matrix product
LARGEST_REACH = 2.0**22  # of the Gram route: its log weights lose at most that many units of rounding


class Step(NamedTuple):
    """A bound and its gradients, as `refvi.models.gaussian_vae.Bound`.

    bound       (N,) on the scale of log p(x_n), in nats
    grad_theta  gradient of the sum over n in theta, of theta's type
    grad_phi    gradient of the sum over n in phi, of phi's type
    """

    bound: np.ndarray
    grad_theta: NamedTuple
    grad_phi: NamedTuple


def iwae_step(x, theta, phi, noise, method=None, threads=None):
    """Importance-weighted bound of every datum and the pathwise gradients of their sum.

    Formula     log (1/K) sum_k w_k,  log w_k = log p(x | z_k) + log p(z_k) - log q(z_k | x),  z_k = mean + std noise_k
    Gradient    sum_k w~_k d log w_k along the path,  w~_k = w_k / sum_j w_j
    Shapes      x (N, X), noise (N, K, Z) or (K, Z), theta Decoder, phi Encoder -> Step
    Domain      finite arguments; |½ log_var(x)| and |log_std| up to 700, UsageError beyond
    method      "direct" forms every output; "gram" needs a Gaussian likelihood; None takes the faster that is precise
    threads     None for one per core; the answer has the same bits for any number
    """
    return _step(x, theta, phi, noise, np.empty(0), np.array(COEFFICIENTS["joint"]), method, threads)


def elbo_step(x, theta, phi, noise, form="kl", beta=1.0, sample_weights=None, method=None, threads=None):
    """ELBO of every datum and the pathwise gradients of their sum.

    Formula     sum_k sample_weights_k (terms of `form`)_k, the divergence multiplied by beta
    Shapes      as `iwae_step`; sample_weights (K,) 1/K by default, or the weights of a quadrature rule
    form        "joint", "entropy" or "kl": which terms are in closed form, see `refvi.models.gaussian_vae.sample`
    """
    coefficients = np.array(COEFFICIENTS[validate.one_of("form", form, tuple(COEFFICIENTS))])
    coefficients[1:] *= float(validate.array("beta", beta, ""))
    if sample_weights is None:
        samples = np.shape(noise)[-2] if np.ndim(noise) >= 2 else 1
        sample_weights = np.full(samples, 1.0 / max(samples, 1))
    return _step(
        x,
        theta,
        phi,
        noise,
        validate.array("sample_weights", sample_weights, "K"),
        coefficients,
        method,
        threads,
    )


def _step(x, theta, phi, noise, sample_weights, coefficients, method, threads):
    validate.one_of("method", method, METHODS)
    x, decode, encode, noise, totals = read_arguments(x, theta, phi, noise)
    count, samples, latent = noise.shape
    if sample_weights.size:
        validate.array("sample_weights", sample_weights, "K", {"K": samples})
    if method == "gram" and not decode.log_std.size:
        raise validate.UsageError(
            "method 'gram' must have a Gaussian likelihood, got one of Bernoulli logits"
        )
    problem = Problem(x, noise, sample_weights, coefficients)
    latents = Latents(
        *np.empty((5, count, latent))[:3], np.empty(count), *np.empty((2, count, latent)), np.empty(count)
    )
    grad_phi = encoder.EncoderArrays(*map(np.empty_like, encode))
    with one_blas_thread():
        hidden = _encode(problem, encode, latents, threads)
        bound_of_z = check_decoder_range(totals, latents, decode)
        grad_theta = _decode(problem, decode, latents, bound_of_z, method, threads)
        _encode_back(problem, encode, hidden, latents, grad_phi, threads)
    return Step(latents.bound, type(theta)(*grad_theta), type(phi)(*grad_phi))


# ---- encoder


def _encode(problem, phi, latents, threads):
    """Fill in the latents' distribution; returns the hidden units."""
    count, observed = problem.x.shape
    units = phi.bias_hidden.size
    hidden = np.empty((count if units else 0, units))
    size = _slice(count, 32)

    def run(first, last):
        encode_slices(problem, phi, hidden, latents, size, first, last)

    share(run, -(-count // size), count * observed * max(units, 1), threads)
    return hidden


def _encode_back(problem, phi, hidden, latents, grad_phi, threads):
    """Gradient in phi from that in the latents' distribution."""
    units = phi.bias_hidden.size
    size = _slice(units, 64)

    def run(first, last):
        encode_back_slices(problem, phi, hidden, latents, size, first, last, grad_phi)

    share(run, max(1, -(-units // size)), problem.x.size * max(units, 1), threads)


@compiled
def encode_slices(problem, phi, hidden, latents, size, first, last):
    """Slices first..last-1 of `size` data."""
    for s in range(first, last):
        stop = min((s + 1) * size, problem.x.shape[0])
        encoder.encode_rows(problem.x, phi, hidden, latents, problem.coefficients, s * size, stop)


@compiled
def encode_back_slices(problem, phi, hidden, latents, size, first, last, grad_phi):
    """Slices first..last-1 of `size` hidden units; the first one takes the heads with it."""
    units = phi.bias_hidden.size
    for s in range(first, last):
        if s == 0:
            encoder.heads_back(hidden if units else problem.x, latents, grad_phi)
        if units:
            stop = min((s + 1) * size, units)
            encoder.hidden_back(problem.x, phi, hidden, latents, s * size, stop, grad_phi)


# ---- decoder


def _decode(problem, theta, latents, bound_of_z, method, threads):
    """Bounds and gradients of theta and of the latents' distribution."""
    if theta.log_std.size:
        inverse_std = np.exp(-theta.log_std)
        if method == "gram" or (method is None and gram_is_less_work(problem, theta)):
            shared, reach = _gram(problem, theta, inverse_std, bound_of_z, threads)
            if method == "gram" or reach <= LARGEST_REACH:
                return _decode_gram(problem, theta, inverse_std, shared, latents, threads)
    else:
        inverse_std = np.empty(0)
    return _decode_direct(problem, theta, inverse_std, latents, threads)


def gram_is_less_work(problem, theta):
    """Multiplications of the two routes, samples and shared products together."""
    observed, width = theta.weights_out.shape
    count, samples = problem.noise.shape[:2]
    rows = count * samples
    shared = 1.6 * observed * width * width + 2.0 * count * observed * width
    return 2.0 * rows * width * width + shared < 3.0 * rows * width * observed


def _decode_direct(problem, theta, inverse_std, latents, threads):
    observed, width = theta.weights_out.shape
    block, groups, size = _blocks(problem, observed + 2 * width)
    grads = direct.DecoderArrays(*(np.empty((groups, *field.shape)) for field in theta))

    def run(first, last):
        direct_groups(problem, theta, inverse_std, latents, block, size, first, last, grads)

    share(run, groups, problem.noise[:, :, 0].size * observed * width, threads)
    return _sum_groups(grads, threads)


def _gram(problem, theta, inverse_std, bound_of_z, threads):
    """What the samples share, and the bound (|y| + |V| |f|)² on the terms of a squared residual."""
    observed, width = theta.weights_out.shape
    count = len(problem.x)
    shared = gram.Gram(
        np.empty((observed, width)),
        np.empty((width, observed)),
        np.empty((width, width)),
        np.empty((count, observed)),
        np.empty((count, width)),
        np.empty(count),
        np.empty((count, width)),
        np.empty(count),
    )
    reach = gram.scale_weights(theta.weights_out, inverse_std, shared)
    gram.scale_rows(problem.x, theta.bias_out, inverse_std, shared, 0, count)
    if not theta.bias_hidden.size:
        reach *= bound_of_z
    rows, units = _slice(count, 32), _slice(width, 32)
    of_data = -(-count // rows)

    def run(first, last):
        gram_slices(shared, rows, of_data, units, first, last)

    share(run, of_data + -(-width // units), (count + width) * observed * width, threads)
    return shared, (np.sqrt(shared.squares.max()) + reach) ** 2


def _decode_gram(problem, theta, inverse_std, shared, latents, threads):
    observed, width = theta.weights_out.shape
    block, groups, size = _blocks(problem, 3 * width)
    moments = np.empty((groups, width, width))
    grads = direct.DecoderArrays(
        np.empty((groups, *theta.weights_hidden.shape)),
        np.empty((groups, *theta.bias_hidden.shape)),
        np.empty((1, observed, width)),
        np.empty((1, observed)),
        np.empty((1, observed)),
    )

    def run(first, last):
        gram_groups(problem, theta, shared, latents, block, size, first, last, grads, moments)

    share(run, groups, problem.noise[:, :, 0].size * width * width, threads)
    total = _sum_groups(grads, threads)
    for g in range(1, groups):
        add_into(moments[0], moments[g])
    visibles = _slice(observed, 64)

    def back(first, last):
        output_slices(shared, moments[0], inverse_std, visibles, first, last, total)

    share(back, -(-observed // visibles), (len(problem.x) + width) * observed * width, threads)
    return total


@compiled
def direct_groups(problem, theta, inverse_std, latents, block, size, first, last, grads):
    """Groups first..last-1 of `size` data."""
    for g in range(first, last):
        grad = direct.DecoderArrays(
            grads.weights_hidden[g],
            grads.bias_hidden[g],
            grads.weights_out[g],
            grads.bias_out[g],
            grads.log_std[g],
        )
        stop = min((g + 1) * size, problem.x.shape[0])
        direct.direct_group(problem, theta, inverse_std, latents, block, g * size, stop, grad)


@compiled
def gram_groups(problem, theta, shared, latents, block, size, first, last, grads, moments):
    """Groups first..last-1 of `size` data."""
    for g in range(first, last):
        grad = direct.DecoderArrays(
            grads.weights_hidden[g],
            grads.bias_hidden[g],
            grads.weights_out[0],
            grads.bias_out[0],
            grads.log_std[0],
        )
        stop = min((g + 1) * size, problem.x.shape[0])
        gram.gram_group(problem, theta, shared, latents, block, g * size, stop, grad, moments[g])


@compiled
def gram_slices(shared, rows, of_data, units, first, last):
    """The first `of_data` slices are rows of data, the others rows of the Gram matrix."""
    for s in range(first, last):
        if s < of_data:
            gram.project_rows(shared, s * rows, min((s + 1) * rows, shared.data.shape[0]))
        else:
            start = (s - of_data) * units
            gram.gram_rows(shared, start, min(start + units, shared.gram.shape[0]))


@compiled
def output_slices(shared, moments, inverse_std, size, first, last, grad):
    """Slices first..last-1 of `size` visibles."""
    for s in range(first, last):
        stop = min((s + 1) * size, inverse_std.size)
        gram.output_back(shared, moments, inverse_std, s * size, stop, grad)


def _sum_groups(grads, threads):
    """The groups' gradients, added in their order."""
    for field in grads:
        if len(field) > 1 and field.size:
            rows = field.reshape(len(field), field.shape[1], -1)
            size = _slice(rows.shape[1], 64)

            def run(first, last, rows=rows, size=size):
                add_groups(rows, size, first, last)

            share(run, -(-rows.shape[1] // size), rows.size, threads)
    return direct.DecoderArrays(*(field[0] for field in grads))


@compiled
def add_groups(groups, size, first, last):
    """Add all groups (G, R, C) into the first one, for the slices first..last-1 of `size` rows."""
    stop = min(last * size, groups.shape[1])
    for g in range(1, groups.shape[0]):
        add_into(groups[0, first * size : stop], groups[g, first * size : stop])


# ---- partitions, by sizes alone


def _slice(count, least):
    """Size of the slices of a range: of at least `least` entries, and at most SLICES of them."""
    return max(1, -(-count // max(1, min(SLICES, count // least))))


def _blocks(problem, width):
    """Data in a block, number of groups, data in a group; width counts the floats that a sample needs."""
    count, samples = problem.noise.shape[:2]
    block = max(1, min(count, BLOCK_BYTES // (8 * width * samples)))
    blocks = -(-count // block)
    block = -(-count // blocks)
    groups = min(GROUPS, max(min(blocks, 2), blocks // 4))
    size = -(-blocks // groups) * block
    return block, -(-count // size), size
