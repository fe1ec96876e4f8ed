"""What runs: settings, the DAG, the command line and the local runner."""
