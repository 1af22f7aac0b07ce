"""A batched step cut into pieces for threads: which rows, slices and groups there are, and who adds what.

All cuts follow from sizes, never from the number of threads. Pieces write to places of their own; groups of blocks
have gradients of their own, added in the order of the groups.

Checked by  tests/fast/test_batched_vae.py
"""

import numpy as np

from refvi.fast import batched_vae_direct as direct
from refvi.fast import batched_vae_encoder as encoder
from refvi.fast import batched_vae_gram as gram
from refvi.fast.batched_vae_latents import add_into, largest, new_latents
from refvi.fast.batched_vae_products import COLUMNS, ROWS
from refvi.fast.compiled import compiled
from refvi.fast.threads import SERIAL_BELOW, share

BLOCK_BYTES = 1 << 19  # of a block's matrices: half of a second cache
KEPT_BYTES = 1 << 21  # of the matrices of all data: small enough to write once and read once more
KEPT_ROWS = 32  # samples of a block of kept rows, at least
GROUPS = 16  # at most: each has a gradient of its own
SLICES = 8  # at most: pieces of one matrix product
LARGEST_REACH = 2.0**22  # of the Gram route: its log weights lose at most that many units of rounding


# ---- all at once


@compiled
def step_at_once(problem, theta, phi, grad_theta, grad_phi):
    """A small step: fills the gradients; returns the bounds, and the largest |mean| and |log_var|."""
    count, _, latent = problem.noise.shape
    latents, units, features = new_latents(count, latent), phi.bias_hidden.size, problem.x
    if units:
        features = np.empty((count, units))
        encoder.hidden_units(problem.x, phi, features, 0, units)
    encoder.heads(features, phi, latents, problem.coefficients, 0, count)
    kept = direct.new_rows(count * problem.noise.shape[1], theta)
    inverse_std = direct.inverse(theta.log_std)
    direct.direct_group(problem, theta, inverse_std, latents, kept, True, count, 0, count, grad_theta)
    direct.hidden_outer(kept, grad_theta)
    direct.outer_slice(kept, 0, problem.x.shape[1], grad_theta)
    encoder.heads_back(features, latents, grad_phi)
    if units:
        encoder.hidden_back(problem.x, phi, features, latents, 0, units, grad_phi)
    return latents.bound, largest(latents.mean), largest(latents.log_var)


# ---- encoder


def encode(problem, phi, latents, threads):
    """Fill in the latents' distribution; returns the features that the heads read."""
    count, observed = problem.x.shape
    units, features = phi.bias_hidden.size, problem.x
    if units:
        features, columns = np.empty((count, units)), _slice(units, 48)

        def run(first, last):
            hidden_slices(problem.x, phi, features, columns, first, last)

        share(run, -(-units // columns), count * observed * units, threads)
    rows = _slice(count, 32)

    def run_heads(first, last):
        head_slices(problem, phi, features, latents, rows, first, last)

    share(run_heads, -(-count // rows), 2 * features.size * latents.mean.shape[1], threads)
    return features


def encode_back(problem, phi, features, latents, grad_phi, threads):
    """Gradient in phi from that in the latents' distribution."""
    units = phi.bias_hidden.size
    size = _slice(units, 48)

    def run(first, last):
        encode_back_slices(problem, phi, features, latents, size, first, last, grad_phi)

    share(run, max(1, -(-units // size)), problem.x.size * max(units, 1), threads)


@compiled
def hidden_slices(x, phi, hidden, size, first, last):
    """Slices first..last-1 of `size` hidden units."""
    for s in range(first, last):
        encoder.hidden_units(x, phi, hidden, s * size, min((s + 1) * size, phi.bias_hidden.size))


@compiled
def head_slices(problem, phi, features, latents, size, first, last):
    """Slices first..last-1 of `size` data."""
    for s in range(first, last):
        stop = min((s + 1) * size, problem.x.shape[0])
        encoder.heads(features, phi, latents, problem.coefficients, s * size, stop)


@compiled
def encode_back_slices(problem, phi, features, latents, size, first, last, grad_phi):
    """Slices first..last-1 of `size` hidden units; the first one takes the heads with it."""
    units = phi.bias_hidden.size
    for s in range(first, last):
        if s == 0:
            encoder.heads_back(features, latents, grad_phi)
        if units:
            stop = min((s + 1) * size, units)
            encoder.hidden_back(problem.x, phi, features, latents, s * size, stop, grad_phi)


# ---- decoder


def is_small(problem, theta, phi, method):
    """Whether no piece of the step is worth a second thread, and all its matrices may be kept."""
    (observed, width), (count, samples, latent) = theta.weights_out.shape, problem.noise.shape
    rows = count * samples
    return (
        max(count * observed * max(phi.bias_hidden.size, 1), rows * observed * width) < SERIAL_BELOW
        and 8 * rows * _floats(theta, latent) <= KEPT_BYTES
        and (method == "direct" or (method is None and not gram_is_less_work(problem, theta)))
    )


def decode(problem, theta, latents, bound_of_z, method, threads):
    """Bounds and gradients of theta and of the latents' distribution."""
    inverse_std = direct.inverse(theta.log_std)
    if method == "gram" or (method is None and gram_is_less_work(problem, theta)):
        shared, reach = _gram(problem, theta, inverse_std, bound_of_z, threads)
        if method == "gram" or reach <= LARGEST_REACH:
            return _decode_gram(problem, theta, inverse_std, shared, latents, threads)
    return _decode_direct(problem, theta, inverse_std, latents, threads)


def gram_is_less_work(problem, theta):
    """Multiplications of the two routes, samples and shared products together; half of a symmetric product is 0.6."""
    if not theta.log_std.size:
        return False
    observed, width = theta.weights_out.shape
    count, samples = problem.noise.shape[:2]
    rows = count * samples
    shared = 1.6 * observed * width * width + 2.0 * count * observed * width
    return 1.6 * rows * width * width + shared < 3.0 * rows * width * observed


def _decode_direct(problem, theta, inverse_std, latents, threads):
    observed, width = theta.weights_out.shape
    count, samples, latent = problem.noise.shape
    rows, work = count * samples, count * samples * observed * width
    floats = _floats(theta, latent)
    if 8 * rows * floats > KEPT_BYTES:
        block, groups, size = _blocks(problem, floats)
        grads = direct.DecoderArrays(*(np.empty((groups, *field.shape)) for field in theta))
        kept = direct.new_rows(0, theta)
    else:
        block = size = _slice(count, -(-KEPT_ROWS // samples)) if work >= SERIAL_BELOW else count
        groups = -(-count // size)
        grads = direct.DecoderArrays(
            np.empty((1, *theta.weights_hidden.shape)),
            np.empty((groups, *theta.bias_hidden.shape)),
            np.empty((1, *theta.weights_out.shape)),
            np.empty((groups, *theta.bias_out.shape)),
            np.empty((groups, *theta.log_std.shape)),
        )
        kept = direct.new_rows(rows, theta)

    def run(first, last):
        direct_groups(problem, theta, inverse_std, latents, kept, block, size, first, last, grads)

    share(run, groups, work, threads)
    total = _sum_groups(grads, threads)
    if len(kept.z):
        visibles = _slice(observed, 128) if work >= SERIAL_BELOW else observed

        def outer(first, last):
            outer_slices(kept, visibles, first, last, total)

        share(outer, -(-observed // visibles), work, threads)
    return total


def _gram(problem, theta, inverse_std, bound_of_z, threads):
    """What the samples share, and the bound (|y| + |V| |f|)² on the terms of a squared residual."""
    observed, width = theta.weights_out.shape
    count = len(problem.x)
    shared = gram.Gram(
        np.empty((observed, width)),
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
    rows, columns = _slice(count, 32), COLUMNS
    of_data = -(-count // rows)

    def run(first, last):
        gram_slices(shared, rows, of_data, columns, first, last)

    share(run, of_data + -(-width // columns), (count + width) * observed * width, threads)
    gram.mirror(shared.gram)
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
    gram.mirror(moments[0])
    visibles = _slice(observed, 64)

    def back(first, last):
        output_slices(shared, moments[0], inverse_std, visibles, first, last, total)

    share(back, -(-observed // visibles), (len(problem.x) + width) * observed * width, threads)
    return total


@compiled
def group_grad(grads, g):
    """The gradient of a group; fields that the groups share have one entry."""
    return direct.DecoderArrays(
        grads.weights_hidden[min(g, len(grads.weights_hidden) - 1)],
        grads.bias_hidden[g],
        grads.weights_out[min(g, len(grads.weights_out) - 1)],
        grads.bias_out[min(g, len(grads.bias_out) - 1)],
        grads.log_std[min(g, len(grads.log_std) - 1)],
    )


@compiled
def direct_groups(problem, theta, inverse_std, latents, kept, block, size, first, last, grads):
    """Groups first..last-1 of `size` data."""
    keep = kept.z.shape[0] > 0
    rows = kept if keep else direct.new_rows(block * problem.noise.shape[1], theta)
    for g in range(first, last):
        stop = min((g + 1) * size, problem.x.shape[0])
        direct.direct_group(
            problem,
            theta,
            inverse_std,
            latents,
            rows,
            keep,
            block,
            g * size,
            stop,
            group_grad(grads, g),
        )


@compiled
def outer_slices(kept, size, first, last, grad):
    """Slices first..last-1 of `size` visibles; the first one takes the hidden layer with it."""
    for s in range(first, last):
        if s == 0:
            direct.hidden_outer(kept, grad)
        direct.outer_slice(kept, s * size, min((s + 1) * size, kept.out.shape[1]), grad)


@compiled
def gram_groups(problem, theta, shared, latents, block, size, first, last, grads, moments):
    """Groups first..last-1 of `size` data."""
    for g in range(first, last):
        stop = min((g + 1) * size, problem.x.shape[0])
        grad = group_grad(grads, g)
        gram.gram_group(problem, theta, shared, latents, block, g * size, stop, grad, moments[g])


@compiled
def gram_slices(shared, rows, of_data, columns, first, last):
    """The first `of_data` slices are rows of data, the others columns of the Gram matrix from the diagonal on."""
    for s in range(first, last):
        if s < of_data:
            gram.project_rows(shared, s * rows, min((s + 1) * rows, shared.data.shape[0]))
        else:
            start = (s - of_data) * columns
            stop = min(start + columns, shared.gram.shape[0])
            gram.lower_product(shared.weights, shared.weights, start, stop, shared.gram, False)


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


def _floats(theta, latent):
    """Numbers that a sample needs on the way through its outputs, see `direct.Rows`."""
    observed, width = theta.weights_out.shape
    return observed + 2 * width + 2 * latent


def _slice(count, least):
    """Size of the slices of a range, a multiple of ROWS: of at least `least` entries, and at most SLICES of them."""
    size = -(-count // max(1, min(SLICES, count // least)))
    return max(1, min(count, -(-size // ROWS) * ROWS))


def _blocks(problem, width):
    """Data in a block, number of groups, data in a group; width counts the floats that a sample needs."""
    count, samples = problem.noise.shape[:2]
    block = max(1, min(count, BLOCK_BYTES // (8 * width * samples)))
    blocks = -(-count // block)
    block = -(-count // blocks)
    groups = min(GROUPS, max(min(blocks, 2), blocks // 4))
    size = -(-blocks // groups) * block
    return block, -(-count // size), size
