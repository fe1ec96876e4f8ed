"""LinearBaseline: fits a linear model of texts, or of images, on the same splits; the network is compared with it."""
