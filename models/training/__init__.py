"""Training: its options and everything that happens in Trainer."""
