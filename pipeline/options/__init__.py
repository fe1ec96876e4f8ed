"""Options of a run that belong to no component: Beam's runner, Kubeflow, and where models are pushed."""
