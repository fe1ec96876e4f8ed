"""Benchmarks: one command each, which prints a table of ratios. ``python -m benchmarks`` lists them."""
