"""What contributors run by ``make``: nothing of it is installed."""
