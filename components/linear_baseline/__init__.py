"""LinearBaseline: fits a linear text model on the same splits, whose metrics the network is compared with."""
