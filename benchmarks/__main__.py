"""Lists the benchmarks."""

import importlib

COMMANDS = (
    "startup",
    "demo",
    "predict",
    "stock",
    "ingest",
    "remote",
    "store_copies",
    "scale",
    "splits",
    "one_pod",
    "load",
    "encodings",
    "photographs",
    "read",
    "fit",
    "defaults",
    "image_networks",
    "report",
    "kubeflow_resources",
    "bombs",
    "image_size",
)


def main() -> None:
    """Prints the command of each benchmark and the first line of its documentation."""
    for name in COMMANDS:
        documentation = importlib.import_module(f"benchmarks.{name}").__doc__ or ""
        print(f"python -m benchmarks.{name:<11} {documentation.splitlines()[0]}")


if __name__ == "__main__":
    main()
