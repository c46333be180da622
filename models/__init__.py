"""The words of the house and its rules: values without I/O, clock or framework.

These are models of *data*; neural networks are served from `deployments/`. Imports the standard library and
pydantic, and SQLAlchemy in `tables.py` only.
"""
