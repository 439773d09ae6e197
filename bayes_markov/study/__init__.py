"""How good estimators and intervals are, by simulation.

`studies` has the two studies. `plan` checks what is asked for, `simulation` gives the tables of
counts, `risk_cells` and `coverage_cells` take sums over a cell of replicates, `cells` runs the
cells, `checkpoint` keeps them, `identity` tells whether kept ones belong to the study, and
`results` adds them up, with `moments` for the errors. `losses` are what risk is the mean of,
`nuts_means` are estimators that need PyMC, `tables` and `plots` show the results.
"""
