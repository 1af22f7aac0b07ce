"""D1 section 1: the model, the lower bound, the score-function gradient."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.choices import choices, parametrised_or_at_posterior
from refvi.derivations.models.encoders import affine_or_not
from refvi.derivations.models.gaussians import paths
from refvi.derivations.models.tables import joint_tables, tables
from refvi.derivations.models.variances import either, lines, lines_with_baseline
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d1.document import D1


@D1.claim("iid", "1", "N i.i.d. samples: p(x, x') = p(x) p(x')", models=joint_tables)
def iid(p_two, p_x, p_x_row):
    return p_two, p_x * p_x_row


@D1.claim("eq-joint", "1", "p(x, z) = p(x|z) p(z)", models=joint_tables)
def joint(p_xz, p_x_given_z, p_z):
    return p_xz, p_x_given_z * p_z


@D1.claim("eq-marginal-likelihood", "1", "p(x) = ∫ p(x|z) p(z) dz", models=joint_tables)
def marginal(p_x, over_z, p_x_given_z, p_z):
    return p_x, over_z(p_x_given_z * p_z)


@D1.claim("eq-posterior", "1", "p(z|x) = p(x|z) p(z) / p(x)", models=joint_tables)
def posterior(p_z_given_x, p_x_given_z, p_z, p_x):
    return p_z_given_x, p_x_given_z * p_z / p_x


@D1.claim(
    "intractable",
    "1",
    "intractability of the marginal likelihood: p(x) is not the normal density N(x; b, W W' + I) that a Gaussian "
    "auto-encoder with an affine decoder W z + b has",
    relation="!=",
    models=affine_or_not,
    expected="depends",
)
def intractable(evidence, affine_evidence):
    return evidence, affine_evidence


@intractable.when("the decoder is not affine in z")
def _(decoder_is_affine):
    return not decoder_is_affine


@D1.claim(
    "maximum-likelihood",
    "1",
    "approximate ML estimation for θ by maximising L: ∇_θ ln p(x) = ∇_θ L = E_q ∇_θ ln p(x, z)",
    models=parametrised_or_at_posterior,
    expected="depends",
    derivation="evidence.fisher",
    system="S6",
)
def maximum_likelihood(nabla_theta, log_evidence_at, E, grad_log_joint):
    return nabla_theta(log_evidence_at), E(grad_log_joint)


@maximum_likelihood.when("q(z|x) is the posterior at the present θ")
def _(q_is_posterior):
    return q_is_posterior


@D1.claim(
    "eq-elbo-identity",
    "1",
    "ln p(x) = D_KL(q(z|x) || p(z|x)) + L, L = E_q(-ln q(z|x) + ln p(x, z))",
    models=tables,
    derivation="elbo.identity",
)
def elbo_identity(evidence, KL, q, posterior, E, joint):
    return ln(evidence), KL(q, posterior) + E(-ln(q) + ln(joint))


@D1.claim(
    "kl-not-negative",
    "1",
    "⇒: D_KL(q(z|x) || p(z|x)) ≥ 0, and 0 at q = p(z|x)",
    relation=">=",
    tight="at_posterior",
    models=tables,
    derivation="kl.not-negative",
)
def kl_not_negative(KL, q, posterior):
    return KL(q, posterior), 0.0


@D1.claim(
    "eq-elbo-bound",
    "1",
    "ln p(x) ≥ L = E_q(-ln q(z|x) + ln p(x, z)), attained at q = p(z|x)",
    relation=">=",
    tight="at_posterior",
    models=tables,
    derivation="elbo.jensen",
)
def elbo_bound(evidence, E, q, joint):
    return ln(evidence), E(-ln(q) + ln(joint))


@D1.claim(
    "eq-elbo-forms",
    "1",
    "E_q(-ln q(z|x) + ln p(x, z)) = -D_KL(q(z|x) || p(z)) + E_q(ln p(x|z))",
    models=tables,
    derivation="elbo.forms",
)
def elbo_forms(E, q, joint, KL, prior, likelihood):
    return E(-ln(q) + ln(joint)), -KL(q, prior) + E(ln(likelihood))


@D1.claim(
    "gradient-difficulty",
    "1",
    "we have some difficulties with the gradient w.r.t. φ: ∇_φ E_q f(z, φ) ≠ E_q ∇_φ f(z, φ)",
    relation="!=",
    models=either(choices, paths),
    derivation="gradient.score-function",
    system="S21",
)
def gradient_difficulty(nabla, mean_f, E, grad_f):
    return nabla(mean_f), E(grad_f)


@D1.claim(
    "eq-score-gradient",
    "1",
    "∇_φ E_q[f(z, φ)] = E_q[∇_φ f(z, φ)] + E_q[f(z, φ) ∇_φ ln q_φ(z)]",
    models=either(choices, paths),
    derivation="gradient.score-function",
    system="S21",
)
def score_gradient(nabla, mean_f, E, grad_f, f_of_z, score):
    return nabla(mean_f), E(grad_f) + E(f_of_z * score)


@D1.claim(
    "eq-score-estimator",
    "1",
    "∇_φ E_q[f(z, φ)] ≈ 1/L Σ_{i≤L} (∇_φ f(ẑᵢ, φ) + f(ẑᵢ, φ) ∇_φ ln q_φ(ẑᵢ)), ẑᵢ ~ q_φ(z)",
    models=choices,
    derivation="estimator.average",
    system="S21",
)
def score_estimator(nabla, mean_f, E_draws, samples, grad_f, f, score):
    return nabla(mean_f), E_draws(
        samples,
        lambda z: 1 / samples * sum(grad_f[:, z[i]] + f[z[i]] * score[:, z[i]] for i in range(samples)),
    )


@D1.claim(
    "score-high-variance",
    "1",
    "the term f(ẑ) ∇_φ ln q_φ(ẑ) exhibits very high variance: Var ≥ 10 mean²",
    relation=">=",
    models=lines,
    expected="depends",
    derivation="gradient.variance-affine",
    system="S21",
)
def score_high_variance(var, E, f, score):
    return var(f * score), 10 * E(f * score) ** 2


@score_high_variance.when("|E f| is at least 3 standard deviations of f")
def _(offset_is_large):
    return offset_is_large


@D1.claim(
    "score-impractical",
    "1",
    "the estimator with the term f(ẑ) ∇_φ ln q_φ(ẑ) is impractical: with (f - baseline) in place of f, Var ≥ 10 mean²",
    relation=">=",
    models=lines_with_baseline,
    expected="depends",
    derivation="gradient.baseline-variance",
    system="S21",
)
def score_impractical(var, E, f, baseline, score):
    return var((f - baseline) * score), 10 * E(f * score) ** 2


@score_impractical.when(
    "no baseline is subtracted (it would leave the mean as it is) and f has a large offset"
)
def _(no_baseline):
    return no_baseline
