"""How many symbols tell two formulas apart, counted on their source.

Not here: whether a formula is true; that is `verdict`.
"""

import ast
import inspect
import io
import textwrap
import tokenize

BRACKETS = frozenset("()[],:")


def symbols(function):
    """The tokens of a formula's body: names, numbers, operators; brackets, layout and docstring left out."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    body = tree.body[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    text = "\n".join(ast.unparse(statement) for statement in body)
    kinds = (tokenize.NAME, tokenize.NUMBER, tokenize.OP)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [t.string for t in tokens if t.type in kinds and t.string not in BRACKETS]


def distance(a, b):
    """Fewest insertions, deletions and replacements that turn one list into the other (Levenshtein)."""
    previous = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        row = [i]
        for j, right in enumerate(b, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (left != right)))
        previous = row
    return previous[-1]


def symbols_changed(one, other):
    """By how many symbols two formulas differ."""
    return distance(symbols(one), symbols(other))
