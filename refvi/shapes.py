"""The letters of every `Shapes` line, once.

    N data · K importance samples · M outer repeats · D or Z latent dimensions · X observed dimensions · H hidden units
    S enumerated states · C categories · T time steps · P parameters of the model · Q parameters of the recognition net

`()` is a scalar. Matrices of gradients are written row by row into one-dimensional views. Not here: checks (`validate`).
"""

LETTERS = {
    "N": "data",
    "K": "importance samples, or components",
    "M": "outer repeats",
    "D": "latent dimensions",
    "Z": "latent dimensions of a Gaussian model",
    "X": "observed dimensions",
    "H": "hidden units",
    "S": "enumerated states",
    "C": "categories",
    "T": "time steps",
    "P": "parameters of the model",
    "Q": "parameters of the recognition net",
}
