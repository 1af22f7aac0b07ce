"""Mistakes that several specs have: what is said of them and where they were seen, once.

`@spec.mistake(**SHARED["kl-mean-over-latents"])` takes over slug, words and citations; the spec adds its own formula.
Not here: mistakes of a single spec; those are said where they are made.
"""


def _row(slug, says, *seen):
    return slug, {"slug": slug, "says": says, "seen": seen or ("derived",)}


SHARED = dict(
    (
        # ---- divergences
        _row(
            "kl-mean-over-latents",
            "averages over the latent axis instead of summing",
            "maxhodak/keras-molecules#59",
            "mkusner/grammarVAE#2",
            "keras-team/keras-io#270",
            "podgorskiy/VAE#1",
        ),
        _row(
            "kl-sum-without-dim",
            "sums over the batch as well, so one number comes back for all data",
            "EDAPINENUT/GNTPP#4",
            "GlassyWing/nvae#3",
        ),
        _row(
            "kl-missing-half",
            "misses a factor one half in the divergence",
            "KarenUllrich/Tutorial_BayesianCompressionForDL#8",
            "deepmind/torch-distributions#34",
            "SupaeroDataScience/deep-learning#6",
        ),
        _row(
            "kl-wrong-sign",
            "gives a part of the divergence the opposite sign",
            "dev4488/VAE_gumble_softmax#1",
            "FluxML/model-zoo#147",
            "mhw32/multimodal-vae-public#4",
        ),
        _row(
            "kl-reversed",
            "computes KL(p || q) instead of KL(q || p)",
            "kumar-shridhar/PyTorch-BayesianCNN#28",
            "pytorch/pytorch#57459",
        ),
        _row(
            "logvar-used-as-logstd",
            "treats the logarithm of the variance as the logarithm of the standard deviation",
            "KarenUllrich/Tutorial_BayesianCompressionForDL#1",
            "FluxML/model-zoo#76",
            "FluxML/model-zoo#147",
        ),
        _row(
            "double-exp-std",
            "exponentiates what already is the standard deviation",
            "sutaoyu/IBMEA#2",
        ),
        _row(
            "head-activation-on-logvar",
            "passes the log variance through a softplus, so that no standard deviation is below one",
            "masato-ka/airc-rl-agent#43",
        ),
        _row(
            "kl-on-unused-params",
            "takes the divergence of parameters that the forward pass never uses, so it moves nothing that matters",
            "kumar-shridhar/PyTorch-BayesianCNN#7",
        ),
        _row(
            "xlogx-at-zero",
            "gives NaN where a probability is zero, because 0 log 0 is not taken to be 0",
            "pytorch/pytorch#144279",
            "pytorch/pytorch#72525",
        ),
        # ---- likelihoods
        _row(
            "variance-as-scale",
            "hands the variance where the standard deviation is wanted",
            "pyro-ppl/pyro#1643",
        ),
        _row(
            "gauss-const-dropped-in-reported-nll",
            "leaves out ½ log 2π per dimension (declare constants='dropped' where that is meant)",
            "Qinyu-Allen-Zhao/Arinar#1",
        ),
        _row(
            "gauss-constant-once",
            "counts ½ log 2π once, not once per dimension",
        ),
        _row(
            "gauss-missing-log-sigma",
            "subtracts the standard deviation where its logarithm belongs",
            "piEsposito/blitz-bayesian-deep-learning#15",
        ),
        _row(
            "gauss-log-scale-dropped",
            "leaves out the logarithm of the standard deviation",
        ),
        _row(
            "mse-as-nll-without-2var",
            "takes the squared error itself for the negative log likelihood, without dividing by 2 σ²",
            "ratschlab/SVGP-VAE#1",
        ),
        _row(
            "mse-mean-reduction",
            "averages the squared error over the dimensions of a datum instead of summing",
            "orybkin/sigma-vae-pytorch#12",
            "orybkin/sigma-vae-tensorflow#2",
            "zdebruine/MMVAE#19",
        ),
        _row(
            "bce-mean-reduction",
            "averages the cross-entropy over the dimensions of a datum instead of summing",
            "AppliedDataSciencePartners/WorldModels#12",
            "facebookresearch/irmae#1",
            "SeldonIO/alibi-detect#90",
        ),
        _row(
            "bce-args-swapped",
            "exchanges the prediction and the target of the cross-entropy",
            "autonomousvision/sledge#4",
        ),
        _row(
            "double-sigmoid",
            "passes probabilities where logits are wanted, so the sigmoid is taken twice",
            "ChengBinJin/V-GAN-tensorflow#16",
            "hunglc007/tensorflow-yolov4-tflite#157",
        ),
        _row(
            "log-of-sigmoid",
            "takes the logarithm of a sigmoid that has rounded to 0 or 1, and gives infinities or NaN at large logits",
        ),
        _row("logdet-dropped", "leaves out the log determinants", "ratschlab/SVGP-VAE#4"),
        _row(
            "logdet-halved",
            "takes the sum of the logarithms of the Cholesky diagonal for the log determinant, which is twice that",
        ),
        _row(
            "cholesky-transposed",
            "solves with the transpose of the Cholesky factor",
            "blackjax-devs/blackjax#531",
        ),
        # ---- evidence lower bounds
        _row(
            "sample-with-variance",
            "multiplies the noise by the variance instead of the standard deviation",
            "rachtsingh/ibp_vae#3",
            "rishikksh20/vae_tacotron2#3",
            "keras-team/keras#9972",
            "keras-team/keras#3283",
        ),
        _row(
            "sample-not-rsample",
            "cuts the gradient at the sample, so that only the divergence moves the encoder",
            "jankrepl/deepdow#106",
            "izmailovpavel/understandingbdl#8",
        ),
    )
)
