"""How certain a model's figures are: confidence intervals, and comparisons of two models on the same rows."""
