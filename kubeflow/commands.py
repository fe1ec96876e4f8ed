"""The commands of ``diptych`` for Kubeflow. The command line finds them by the entry points of the package."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from diptych.models.errors import FAILED, OK
from diptych.models.shown_text import show_text
from diptych.pipeline.cli.terminal import add_settings_arguments, print_json, print_line

if TYPE_CHECKING:
    from diptych.kubeflow.local.results import SimulatedRun
    from diptych.pipeline.cli.doctor import Problem


def _add_param_argument(parser: argparse.ArgumentParser) -> None:
    from diptych.kubeflow.client.parameters import name_and_value

    parser.add_argument(
        "--param",
        dest="params",
        metavar="NAME=VALUE",
        type=name_and_value,
        action="append",
        default=[],
        help="a parameter of the run; lists and structs as JSON",
    )


def compile_command(commands: Any) -> None:
    """Adds ``diptych compile``."""
    parser = commands.add_parser("compile", help="write the pipeline spec for Kubeflow Pipelines or Vertex")
    add_settings_arguments(parser)
    parser.add_argument(
        "--target", choices=["kfp", "vertex"], default="kfp", help="who is to run it (default: %(default)s)"
    )
    parser.add_argument("--output", help="file to write (default: pipeline.yaml, for vertex pipeline.json)")
    parser.set_defaults(command=_compile)


def _compile(options: argparse.Namespace) -> int:
    from diptych.kubeflow.compiler import compile_pipeline
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    output = options.output or {"kfp": "pipeline.yaml", "vertex": "pipeline.json"}[options.target]
    tasks = compile_pipeline(settings, output, options.target)
    print_line(f"{output}: {len(tasks)} tasks: {', '.join(tasks)}")
    return OK


def simulate_command(commands: Any) -> None:
    """Adds ``diptych simulate``."""
    from diptych.kubeflow.client.arguments import store_uri

    parser = commands.add_parser("simulate", help="run a compiled spec on this machine as KFP would, without a cluster")
    parser.add_argument("spec", metavar="SPEC", help="the YAML file that diptych compile wrote")
    parser.add_argument(
        "--root",
        required=True,
        help="folder of everything; ROOT/stores/minio/BUCKET is what minio://BUCKET means to the steps",
    )
    _add_param_argument(parser)
    parser.add_argument("--pipeline-root", type=store_uri, help="URI of the artifacts (default: the spec's)")
    parser.add_argument("--image-root", help="root file system of the built image to run the steps in, as root")
    parser.add_argument(
        "--user", metavar="NUMBER", type=int, default=1000, help="the steps' user in the image (default: %(default)s)"
    )
    parser.add_argument("--kfp", metavar="VERSION", help="the version whose rules are kept (default: the last known)")
    parser.add_argument("--json", action="store_true", help="print JSON: id, state, tasks")
    parser.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from diptych.kubeflow.client.parameters import read_parameters
    from diptych.kubeflow.local.platform import load_executor_configs
    from diptych.kubeflow.local.release import LATEST, find_release
    from diptych.kubeflow.local.simulate import Simulation
    from diptych.kubeflow.local.step import Cluster
    from diptych.kubeflow.spec import load_spec, resolve_parameters

    def show_state(task: str, state: str) -> None:
        sys.stderr.write(show_text(f"{task:<20} {state.lower().replace('_', ' ')}\n"))

    spec = load_spec(options.spec)
    cluster = Cluster(
        release=find_release(options.kfp) if options.kfp else LATEST,
        pipeline_root=options.pipeline_root,
        executors=load_executor_configs(options.spec),
        image_root=options.image_root,
        user=options.user,
    )
    if not options.image_root:
        sys.stderr.write(
            f"steps run with this Python as user {os.geteuid()}: only --image-root shows what user {options.user} of "
            "group 0 may do in the image\n"
        )
    parameters = resolve_parameters(spec, read_parameters(spec, options.params))
    run = Simulation(spec, options.root, cluster, show_state).run(parameters)
    if options.json:
        tasks = {name: asdict(result) for name, result in run.tasks.items()}
        print_json({"id": run.id, "state": run.state, "tasks": tasks})
    else:
        _print_simulation(run, os.path.join(options.root, "runs", run.id))
    return OK if run.state == "SUCCEEDED" else FAILED


def _print_simulation(run: SimulatedRun, folder: str) -> None:
    """Prints a table of the steps, and what those that failed say in their logs.

    Args:
        folder: of the logs.
    """
    print_line(f"{'step':<20} {'state':<10} {'seconds':>8} {'cpu s':>8} {'memory':>9}")
    for name, result in run.tasks.items():
        usage = result.usage
        figures = f"{usage.seconds:8.1f} {usage.cpu:8.1f} {usage.memory / 1e9:6.2f} GB" if usage else ""
        print_line(f"{name:<20} {result.state.lower().replace('_', ' '):<10} {figures}")
        if result.attempts and result.state != "COMPLETE":
            logs = sorted(file for file in os.listdir(folder) if file.startswith(f"{name}-"))
            with open(os.path.join(folder, logs[-1]), encoding="utf-8", errors="replace") as log:
                sys.stderr.write(show_text("".join(line for line in log if line.startswith("diptych: "))))
    print_line(f"{run.state.lower()}; logs: {folder}")


def _add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which KFP server is meant, and how to sign in."""
    from diptych.kubeflow.client.arguments import http_url

    endpoint = os.environ.get("KF_PIPELINES_ENDPOINT")
    parser.add_argument("--host", type=http_url, default=endpoint, help="KFP's URL (default: $KF_PIPELINES_ENDPOINT)")
    parser.add_argument("--namespace", help="yours, where KFP serves several users")
    parser.add_argument(
        "--existing-token-file", metavar="FILE", help="holds the bearer token, read anew when it expires"
    )
    parser.add_argument("--cookies-file", metavar="FILE", help="holds the Cookie header: NAME=VALUE; NAME=VALUE")


def submit_command(commands: Any) -> None:
    """Adds ``diptych submit``, and to ``diptych doctor`` what it asks a server."""
    from diptych.kubeflow.client.arguments import cron_expression, store_uri

    parser = commands.add_parser(
        "submit",
        help="run the pipeline on Kubeflow Pipelines",
        description="Compiles the pipeline, uploads it as a new version, and starts a run.",
        epilog="Secrets come from files. Without these options kfp's own configuration applies: "
        "~/.config/kfp/context.json, KF_PIPELINES_SA_TOKEN_PATH or the token in a Kubeflow pod, "
        "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID and KF_PIPELINES_APP_OAUTH2_CLIENT_{ID,SECRET} for Google's proxy. "
        "KF_PIPELINES_UI_ENDPOINT is where links lead, SSL_CERT_FILE holds your CA.",
    )
    add_settings_arguments(parser)
    _add_server_arguments(parser)
    parser.add_argument(
        "--experiment",
        help="made where it is missing (default: $KF_PIPELINES_DEFAULT_EXPERIMENT_NAME, else the pipeline's name)",
    )
    parser.add_argument("--run-name", help="default: the pipeline's name and version")
    _add_param_argument(parser)
    parser.add_argument(
        "--pipeline-root",
        metavar="URI",
        type=store_uri,
        help="where this run keeps its artifacts (default: kubeflow.pipeline_root)",
    )
    parser.add_argument("--no-cache", action="store_true", help="run every step, also what is unchanged")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--wait", action="store_true", help="follow the run; exit code 1 unless it succeeds")
    kind.add_argument(
        "--recurring",
        metavar="CRON",
        type=cron_expression,
        help="run again and again: 5 fields as in cron, or KFP's 6, which begin with seconds (5 get a 0 in front)",
    )
    parser.add_argument(
        "--target",
        choices=("kfp", "vertex"),
        default="kfp",
        help="vertex submits nothing: it compiles NAME.vertex.json and prints the call (default: %(default)s)",
    )
    parser.set_defaults(command=_submit)
    doctor = commands.choices["doctor"]
    _add_server_arguments(doctor)
    doctor.get_default("diagnoses").append(_diagnose_server)


def _diagnose_server(options: argparse.Namespace) -> tuple[dict[str, str], list[Problem]]:
    """What a server says of itself, and what will fail there.

    Nothing where none is named, unless there are settings of which nothing else was tried.
    """
    from diptych.kubeflow.client.diagnosis import diagnose
    from diptych.kubeflow.client.options import SubmitOptions
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides) if options.config else None
    if not options.host and (settings is None or settings.beam.runner != "direct"):
        return {}, []
    names = ("host", "namespace", "existing_token_file", "cookies_file")
    given = SubmitOptions(**{name: getattr(options, name) for name in names})
    return diagnose(given, settings)


def _submit(options: argparse.Namespace) -> int:
    from diptych.kubeflow.client.options import SubmitOptions
    from diptych.kubeflow.client.submit import submit
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    given = {name: getattr(options, name) for name in SubmitOptions.__dataclass_fields__}
    return submit(settings, SubmitOptions(**given))
