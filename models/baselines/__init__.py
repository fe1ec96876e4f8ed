"""Linear baselines, which a network has to beat: scikit-learn's logistic regression on texts or on images."""
