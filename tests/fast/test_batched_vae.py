"""The batched step against the plain kernels, which go sample by sample and share no line with it."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_vectorised import COUNT, LINE, TABLE, assembly, counts, register
from vae_twins import UNIT, Sizes, network, networks, rounding

from refvi.errors import UsageError
from refvi.fast import (
    batched_vae,
    batched_vae_direct,
    batched_vae_gram,
    batched_vae_latents,
    batched_vae_schedule,
    batched_vae_step,
    threads,
)
from refvi.fast.batched_vae import elbo_step, iwae_step
from refvi.laws.outcome import Outcome, combine
from refvi.models import gaussian_vae as plain
from refvi.registry import batched_vae as rows

LAW = settings(deadline=None, derandomize=True, max_examples=60)
LIMIT = 4.0  # units of rounding, see `vae_twins`


def fields(found):
    """Every array of a step by name."""
    yield "bound", found.bound
    for part in ("grad_theta", "grad_phi"):
        for field, array in getattr(found, part)._asdict().items():
            yield f"{part}.{field}", array


def law_is_the_plain_step(subject, twin, model, gram=False, uniform=False):
    """Bound and every gradient are those of the plain kernels, to 4 u E."""
    found, want, outcomes = subject(*model), twin(*model), []
    sizes = dict(fields(rounding(*model, gram, uniform)))
    for (name, got), (_, exact) in zip(fields(found), fields(want), strict=True):
        assert got.shape == exact.shape
        if got.size:
            worst = float((np.abs(got - exact) / (LIMIT * UNIT * (sizes[name] + 1e-290))).max())
            outcomes.append(Outcome("batched step", worst, got.size, name))
    return combine("batched step", outcomes)


def direct(*model):
    return iwae_step(*model, method="direct")


def gram(*model):
    return iwae_step(*model, method="gram")


@LAW
@given(networks())
def test_direct_is_the_plain_bound(model):
    law_is_the_plain_step(direct, plain.iwae, model).raise_if_broken()


@LAW
@given(networks())
def test_pieces_are_the_plain_bound(model):
    """What a larger step does, at small sizes."""
    with mock.patch.object(batched_vae_schedule, "SERIAL_BELOW", 0):
        law_is_the_plain_step(direct, plain.iwae, model).raise_if_broken()


@LAW
@given(networks(bernoulli=False))
def test_gram_is_the_plain_bound(model):
    law_is_the_plain_step(gram, plain.iwae, model, gram=True).raise_if_broken()


@settings(LAW, max_examples=30)
@given(networks(), st.sampled_from(sorted(plain.FORMS)), st.sampled_from((1.0, 0.5)))
def test_elbo_is_the_plain_one(model, form, beta):
    for method in ("direct", "gram")[: 1 + (model[1].log_std.size > 0)]:
        law_is_the_plain_step(
            lambda *m, method=method: elbo_step(*m, form, beta, method=method),
            lambda *m: plain.elbo(*m, form, beta),
            model,
            method == "gram",
            uniform=True,
        ).raise_if_broken()


def test_forms_are_those_of_the_model():
    assert batched_vae.COEFFICIENTS == plain.FORMS


def test_weights_of_a_quadrature_rule():
    x, theta, phi, _ = model = network(3, Sizes(4, 1, 3, 2, 3, 5))
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    shared = nodes[:, None], weights / weights.sum()
    found = elbo_step(x, theta, phi, shared[0], sample_weights=shared[1])
    want = plain.elbo(x, theta, phi, shared[0], sample_weights=shared[1])
    size = dict(fields(rounding(*model[:3], np.tile(shared[0], (3, 1, 1)), gram=False, uniform=True)))
    for (name, got), (_, exact) in zip(fields(found), fields(want), strict=True):
        assert np.all(np.abs(got - exact) <= LIMIT * 5 * UNIT * size[name]), name


# ---- wrong steps


def with_uniform_weights(*model):
    """Gradient of the average log weight beside the bound of the average weight."""
    return iwae_step(*model)._replace(**dict(zip(("grad_theta", "grad_phi"), elbo_step(*model, "joint")[1:])))


def with_weights_not_divided(x, theta, phi, noise):
    found = iwae_step(x, theta, phi, noise)
    return found._replace(bound=found.bound + np.log(noise.shape[1]))


def without_the_last_datum(x, theta, phi, noise):
    found = iwae_step(x[:-1], theta, phi, noise[:-1])
    return found._replace(bound=iwae_step(x, theta, phi, noise).bound)


def with_closed_divergence(*model):
    """The form whose divergence is exact has another gradient in phi sample by sample."""
    return iwae_step(*model)._replace(grad_phi=elbo_step(*model, "kl").grad_phi)


def with_detached_noise_level(*model):
    found = iwae_step(*model)
    theta = found.grad_theta
    return found._replace(grad_theta=theta._replace(log_std=np.zeros_like(theta.log_std)))


def with_mean_gradient(x, theta, phi, noise):
    found = iwae_step(x, theta, phi, noise)
    mean = [np.array(g) / len(x) for g in found.grad_phi]
    return found._replace(grad_phi=type(phi)(*mean))


def with_data_in_single_precision(x, theta, phi, noise):
    return iwae_step(x.astype(np.float32).astype(np.float64), theta, phi, noise)


def with_slightly_wrong_noise(x, theta, phi, noise):
    return iwae_step(x, theta, phi, noise * (1 + 1e-12))


# Where the law finds the largest error; "" where an inexact input spoils everything.
MUTANTS = {
    with_uniform_weights: "grad_",
    with_weights_not_divided: "bound",
    without_the_last_datum: "grad_",
    with_closed_divergence: "grad_phi",
    with_detached_noise_level: "grad_theta.log_std",
    with_mean_gradient: "grad_phi",
    with_data_in_single_precision: "",
    with_slightly_wrong_noise: "",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_law_rejects(mutant):
    found = law_is_the_plain_step(mutant, plain.iwae, network(1, Sizes(5, 2, 4, 3, 3, 4)))
    assert not found.holds
    assert found.message.startswith(MUTANTS[mutant])


def test_row_of_the_registry():
    rows.check_step().raise_if_broken()


@pytest.mark.parametrize("mutant", tuple(MUTANTS)[:6], ids=lambda m: m.__name__)
def test_row_of_the_registry_rejects(monkeypatch, mutant):
    """All but the inexact inputs: the row's numbers are exact in single precision."""
    monkeypatch.setattr(rows.batched_vae, "iwae_step", lambda *model, **_: mutant(*model[:4]))
    assert not rows.check_step().holds


# ---- blocks, groups, threads


@pytest.mark.parametrize("bernoulli", [False, True])
def test_many_blocks_are_the_plain_bound(monkeypatch, bernoulli):
    """Blocks of two data, several of them in each of several groups, the last one short."""
    model = network(2, Sizes(9, 2, 3, 4, 71, 2), bernoulli)
    monkeypatch.setattr(batched_vae_schedule, "BLOCK_BYTES", 8 * (9 + 2 * 3 + 2 * 2) * 2 * 2)
    monkeypatch.setattr(batched_vae_schedule, "SERIAL_BELOW", 0)
    law_is_the_plain_step(direct, plain.iwae, model).raise_if_broken()
    monkeypatch.setattr(batched_vae_schedule, "KEPT_BYTES", 0)
    law_is_the_plain_step(direct, plain.iwae, model).raise_if_broken()
    if not bernoulli:
        law_is_the_plain_step(gram, plain.iwae, model, gram=True).raise_if_broken()


@pytest.fixture
def small_pieces(monkeypatch):
    """Threads and many pieces at sizes where one would do."""
    monkeypatch.setattr(threads, "SERIAL_BELOW", 0)
    monkeypatch.setattr(batched_vae_schedule, "SERIAL_BELOW", 0)
    monkeypatch.setattr(batched_vae_schedule, "BLOCK_BYTES", 1 << 13)


ROUTES = [("direct", 1 << 21), ("direct", 0), ("gram", 0)]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("method", "kept_bytes"), ROUTES)
@pytest.mark.parametrize("size", [Sizes(130, 3, 66, 130, 70, 2), Sizes(3, 1, 0, 0, 70, 2)])
def test_no_bit_depends_on_the_number_of_threads(monkeypatch, method, kept_bytes, size):
    model = network(5, size)
    monkeypatch.setattr(batched_vae_schedule, "KEPT_BYTES", kept_bytes)
    alone = dict(fields(iwae_step(*model, method=method, threads=1)))
    for count in (2, 3, 7):
        for name, got in fields(iwae_step(*model, method=method, threads=count)):
            assert np.array_equal(got, alone[name]), name


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("method", "kept_bytes"), ROUTES)
def test_pieces_in_any_order_have_the_same_bits(monkeypatch, method, kept_bytes):
    """The last piece first, one at a time: what threads may do at worst."""
    model = network(6, Sizes(130, 2, 66, 130, 70, 2))
    monkeypatch.setattr(batched_vae_schedule, "KEPT_BYTES", kept_bytes)
    alone = dict(fields(iwae_step(*model, method=method, threads=1)))

    def backwards(run, count, work, threads=None):
        for item in reversed(range(count)):
            run(item, item + 1)

    monkeypatch.setattr(batched_vae_schedule, "share", backwards)
    for name, got in fields(iwae_step(*model, method=method)):
        assert np.array_equal(got, alone[name]), name


# ---- which route


def route(monkeypatch, model):
    """Which of the two routes a step takes when it may choose."""
    taken = []
    for module, name in (
        (batched_vae_step, "_at_once"),
        (batched_vae_schedule, "_decode_direct"),
        (batched_vae_schedule, "_decode_gram"),
    ):
        original = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda *a, name=name, original=original: taken.append(name) or original(*a),
        )
    iwae_step(*model)
    monkeypatch.undo()
    return taken


def test_gram_needs_many_samples_many_visibles_and_moderate_residuals(monkeypatch):
    many = Sizes(60, 2, 10, 3, 20, 20)
    assert route(monkeypatch, network(0, many)) == ["_decode_gram"]
    assert route(monkeypatch, network(0, many, bernoulli=True)) == ["_at_once"]
    assert route(monkeypatch, network(0, many._replace(data=4, samples=1))) == ["_at_once"]
    assert route(monkeypatch, network(0, many._replace(observed=5))) == ["_at_once"]
    assert route(monkeypatch, network(0, many, log_std=-9.0)) == ["_decode_direct"]
    assert route(monkeypatch, network(0, many, weights=1e4)) == ["_decode_direct"]


def test_one_sample_has_the_bound_and_gradient_of_the_joint_form():
    model = network(4, Sizes(5, 2, 3, 3, 4, 1))
    for (name, one), (_, other) in zip(
        fields(iwae_step(*model)), fields(elbo_step(*model, "joint")), strict=True
    ):
        np.testing.assert_array_equal(one, other, err_msg=name)


# ---- arguments


def test_noise_may_be_shared_and_arrays_of_any_layout():
    x, theta, phi, noise = network(7, Sizes(5, 2, 3, 4, 3, 2))
    shared = np.asfortranarray(noise[0].astype(np.float32))
    want = dict(fields(iwae_step(x, theta, phi, np.stack([shared.astype(np.float64)] * 3))))
    for name, got in fields(iwae_step(np.asfortranarray(x), theta, phi, shared)):
        assert np.array_equal(got, want[name]), name
    assert isinstance(iwae_step(x, theta, phi, noise).grad_theta, plain.Decoder)


MODEL = network(8, Sizes(3, 2, 4, 4, 2, 2))


def changed(name, **changes):
    x, theta, phi, noise = MODEL
    if name == "x":
        return changes["x"], theta, phi, noise
    if name == "noise":
        return x, theta, phi, changes["noise"]
    return (
        (x, theta._replace(**changes), phi, noise)
        if name == "theta"
        else (x, theta, phi._replace(**changes), noise)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (changed("x", x=np.zeros((2, 4))), r"x must have shape \(N, X\) with X = 3, got \(2, 4\)"),
        (changed("x", x=np.full((2, 3), np.nan)), "x must be finite, got nan at"),
        (changed("x", x=np.zeros((0, 3))), "noise must have shape"),
        (changed("noise", noise=np.zeros((2, 0, 2))), "number of samples K must be an integer of at least 1"),
        (changed("theta", bias_out=np.full(3, np.inf)), "theta.bias_out must be finite, got inf"),
        (changed("theta", bias_out=np.zeros(2)), r"theta.bias_out must have shape \(X,\)"),
        (changed("theta", log_std=np.zeros(0)), "x must hold zeros and ones"),
        (changed("theta", log_std=np.full(3, -800.0)), "theta.log_std must be within 700"),
        (
            changed("theta", log_std=np.full(3, -500.0)),
            "residuals in standard deviations must be within 1e[+]75",
        ),
        (changed("phi", bias_log_var=np.full(2, 1500.0)), "½ log_var.x. must be within 700"),
        (changed("phi", weights_hidden=np.full((4, 3), 1e80)), "entries of the encoder's products"),
        (
            changed("phi", bias_mean=np.array([9e74, 0.0])),
            "the decoder's hidden units before tanh must be within",
        ),
        (
            (MODEL[0], tuple(MODEL[1]), *MODEL[2:]),
            "theta must be a NamedTuple with the fields weights_hidden",
        ),
        ((MODEL[0], MODEL[2], *MODEL[2:]), "theta must be a NamedTuple with the fields"),
    ],
)
def test_bad_arguments_get_one_sentence(arguments, message):
    with pytest.raises(UsageError, match=message):
        iwae_step(*arguments)


def test_bad_options_get_one_sentence():
    with pytest.raises(UsageError, match="method must be one of None, 'direct', 'gram', got 'fast'"):
        iwae_step(*MODEL, method="fast")
    with pytest.raises(UsageError, match="method 'gram' must have a Gaussian likelihood"):
        iwae_step(*network(0, Sizes(3, 2, 2, 2, 2, 2), bernoulli=True), method="gram")
    with pytest.raises(UsageError, match="form must be one of"):
        elbo_step(*MODEL, form="KL")
    with pytest.raises(UsageError, match=r"sample_weights must have shape \(K,\)"):
        elbo_step(*MODEL, sample_weights=np.ones(3))


# ---- compiled code

LOOPS = {
    "tanh_rows": (batched_vae_latents.tanh_rows, (TABLE, LINE, COUNT), "mul fmadd div"),
    "tanh_rows_back": (batched_vae_latents.tanh_rows_back, (TABLE, COUNT, TABLE, LINE), "mul add"),
    "add_into": (batched_vae_latents.add_into, (TABLE, TABLE), "add"),
    "gaussian_residual": (batched_vae_direct.gaussian_residual, (LINE, LINE, LINE, LINE), "mul fmadd"),
    "bernoulli_factors": (batched_vae_direct.bernoulli_factors, (LINE, LINE, LINE), "mul fmadd div"),
    "squared_residual": (
        batched_vae_gram.squared_residual,
        (LINE, LINE, LINE, TABLE.dtype),
        "(?:fmadd|fnmadd|sub|add)",
    ),
    "spread_tanh": (
        batched_vae_gram.spread_tanh,
        (TABLE.dtype, LINE, LINE, LINE, LINE, LINE, LINE),
        "mul add",
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_inner_loop_uses_full_vectors(name):
    """More results come from full registers than one by one: rows have remainders, whose loops are unrolled."""
    dispatcher, signature, operations = LOOPS[name]
    width, text = register(), assembly(dispatcher, signature)
    if (
        width is not None
    ):  # elsewhere the names of registers differ: that the loop compiles is all that is asked
        for operation in operations.split():
            packed, single = counts(text, operation, width)
            assert {"zmm": 8, "ymm": 4}[width] * packed > single, operation
