"""The outputs of the step Report for Kubeflow Pipelines' own pages, and KFP's types of them."""

HTML, METRICS, CONFUSION = "html", "metrics", "confusion_matrix"
KFP_OUTPUTS = {HTML: "system.HTML", METRICS: "system.Metrics", CONFUSION: "system.ClassificationMetrics"}
