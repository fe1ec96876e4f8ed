"""Options that belong to no component: of Beam, of Kubeflow, and of Pusher."""
