"""The wide part of the network: a linear model of image and text, fitted as one is, by scikit-learn."""
