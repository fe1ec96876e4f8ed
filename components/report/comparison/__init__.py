"""Two runs, or pushed models, side by side: what differs in settings, data and predictions, and which is better."""
