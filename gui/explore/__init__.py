"""Sheets of variations round the present picture."""

LABEL = "variation"
"""Of the steps of the history that come from a sheet."""
