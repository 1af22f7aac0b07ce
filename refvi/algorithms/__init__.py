"""Algorithms: steps that use models, families, objectives and estimators. Not here: any density."""
