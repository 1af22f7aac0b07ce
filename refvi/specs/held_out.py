"""How well a variational model with shared parameters predicts new data: its bound per word, as topic models report it."""

import numpy as np

from refvi.specs.sized import exp, sized
from refvi.specs.spec import Input, Spec


def _draw(rng, sizes):
    """More words in the training data than in the new documents, and no multiple of them."""
    documents = sizes["B"]
    words = rng.integers(3, 40, size=documents).astype(np.float64)
    return {
        "local_elbo": np.round((rng.normal(size=documents) * 1.5 - 4.0) * 64) / 64 * words,
        "words": words,
        "global_kl": np.asarray(np.round(np.exp(rng.normal()) * 640) / 64 + 1.25),
        "train_words": np.asarray(float(words.sum() * rng.integers(2, 9) + rng.integers(1, 9))),
    }


def _per_word(local_elbo, words, global_kl, train_words):
    return {
        "documents": sized(local_elbo).sum() / words.sum(),
        "global": -(sized(global_kl) / train_words),
    }


held_out = Spec(
    id="svi.held_out_bound_per_word",
    says="a bound on the log probability of new documents per word; the global KL is shared by the training words",
    inputs=(
        Input("local_elbo", "B", "real", "E log p(words | ...) - local KL of every new document"),
        Input("words", "B", "count", "number of words of every new document, positive"),
        Input("global_kl", "", "positive", "KL of what all documents share, the topics"),
        Input("train_words", "", "count", "number of words that the topics were learnt from, positive"),
    ),
    output="",
    reference=_per_word,
    gradient=lambda local_elbo, words, global_kl, train_words: {
        "local_elbo": 1.0 / sized(words.sum()) + 0.0 * sized(local_elbo),
        "global_kl": -1.0 / sized(train_words) + 0.0 * sized(global_kl),
    },
    conventions={"sign": "positive", "units": "nats"},
    sizes={"B": (3, 5, 7)},
    source="Hoffman, Blei and Bach 2010, Online learning for latent Dirichlet allocation, "
    "section 2.1 (the corpus's terms are shared by its documents) and section 4 (perplexity)",
    draw=_draw,
    edges=lambda: {
        "one document": {"local_elbo": [-21.5], "words": [3.0], "global_kl": 40.5, "train_words": 1000.0},
        "the training data": {
            "local_elbo": [-21.5, -30.25],
            "words": [3.0, 5.0],
            "global_kl": 2.5,
            "train_words": 8.0,
        },
        "one word": {"local_elbo": [-7.5], "words": [1.0], "global_kl": 2.5, "train_words": 9.0},
    },
)


@held_out.mistake(
    "lda-test-normaliser",
    says="divides the global KL by the words of the new documents, so that perplexity explodes on small splits",
    seen=("scikit-learn/scikit-learn#20032", "scikit-learn/scikit-learn#33363"),
)
def _(local_elbo, words, global_kl, train_words):  # noqa: ARG001
    return (sized(local_elbo).sum() - global_kl) / words.sum()


@held_out.mistake("global-kl-omitted", says="leaves out the global KL, so that it is no bound")
def _(**inputs):
    return _per_word(**inputs)["documents"]


@held_out.mistake("global-kl-undivided", says="subtracts the whole global KL from the bound of a single word")
def _(global_kl, **inputs):
    return {**_per_word(global_kl=global_kl, **inputs), "global": -sized(global_kl)}


@held_out.mistake(
    "mean-of-documents", says="averages the bounds per word of the documents, so that short ones count more"
)
def _(local_elbo, words, global_kl, train_words):
    return {
        **_per_word(local_elbo, words, global_kl, train_words),
        "documents": (sized(local_elbo) / words).mean(),
    }


@held_out.mistake("per-document", says="divides by the number of documents instead of words")
def _(local_elbo, words, global_kl, train_words):
    terms = _per_word(local_elbo, words, global_kl, train_words)
    return {**terms, "documents": sized(local_elbo).mean()}


@held_out.mistake(
    "perplexity-for-its-log", says="returns the perplexity, the exponential of the negative bound per word"
)
def _(**inputs):
    return exp(-sum(_per_word(**inputs).values()))


@held_out.mistake(
    "train-words-for-all", says="divides the documents by the words of the training data as well"
)
def _(local_elbo, words, global_kl, train_words):  # noqa: ARG001
    return (sized(local_elbo).sum() - global_kl) / sized(train_words)
