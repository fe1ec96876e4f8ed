"""Talks to a Kubeflow Pipelines server: submits pipelines and watches their runs."""
