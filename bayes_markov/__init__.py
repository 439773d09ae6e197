"""Markov chains in PyMC, with labels, ArviZ results and checks against the closed forms."""
