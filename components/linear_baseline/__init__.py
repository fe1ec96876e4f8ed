"""LinearBaseline: a linear text model on the same splits, whose figures stand beside the network's."""
