"""The checker: somebody's implementation against a spec, and the name of its mistake."""
