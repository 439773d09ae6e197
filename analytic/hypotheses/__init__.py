"""Tests of what a Markov chain takes for granted, and models compared on equal terms.

- `order`, `homogeneity`, `agreement`, `reversibility`: the tests; `hypothesis`: their result
- `order_comparison`, `pooling`: models side by side; `comparison`: that table
- `history`: tables with and without s_0 rows; `two_way`: tables of rows and columns
- `arrangements`, `eulerian`, `rearrangement`, `exchange`, `simulated_tables`: random tables under
  a hypothesis
"""
