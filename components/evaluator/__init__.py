"""Evaluator: TFX's component, which compares with thresholds, the last blessed model and the linear baseline."""
