"""Wrong variants of a function, made from its own source: a text replaced, or one node of its tree."""

import ast
import inspect
import itertools
import linecache
import textwrap

COUNT = itertools.count()


def tree_of(function):
    """The function's source as a module tree, decorators removed."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    return tree


def compiled(tree, like):
    """The function of a tree, with the globals of the original and a source that `inspect` finds."""
    space, source = dict(like.__globals__), ast.unparse(tree)
    file = f"mutant {next(COUNT)} of {like.__name__}"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), space)
    return space[tree.body[0].name]


def replaced(function, old, new):
    """The function with one piece of its source replaced; the piece must occur exactly once."""
    source = ast.unparse(tree_of(function))
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in\n{source}"
    return compiled(ast.parse(source.replace(old, new)), function)


def sign_flips(function):
    """Every variant with one + turned into -, one - into +, or one unary minus removed; with its line."""
    signs = [node for node in ast.walk(tree_of(function)) if _is_sign(node)]
    for place in range(len(signs)):
        tree = tree_of(function)
        node = [n for n in ast.walk(tree) if _is_sign(n)][place]
        if isinstance(node, ast.UnaryOp):
            node.op = ast.UAdd()
        else:
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield f"sign {place}, now {ast.unparse(node)}", compiled(tree, function)


def _is_sign(node):
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
