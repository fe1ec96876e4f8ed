"""Runs a compiled pipeline on this machine as Kubeflow Pipelines would."""
