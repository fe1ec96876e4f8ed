"""Talks to a Kubeflow Pipelines server: submits pipelines and follows their runs."""
