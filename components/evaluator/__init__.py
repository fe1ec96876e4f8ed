"""Evaluator: TFMA on the test split, against thresholds, the last blessed model and the linear baseline."""
