"""Training: all that happens in Trainer and Tuner, and the options of both."""
