"""Independent answers: sums, integrals, closed forms, balls, differences, test statistics.

Not here: anything of the mathematics that is judged. An oracle imports numpy, scipy,
mpmath and flint, and nothing of refvi outside this folder.
"""
