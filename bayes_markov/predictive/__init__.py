"""Prior and posterior predictive distributions.

`predict` puts them into a tree, from replicates of the data (`replicate`) and what is computed of
each (`statistics`); `check` compares the observed data with them, and `plots` shows it.
"""
