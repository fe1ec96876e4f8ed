"""Looks before a job whether what it needs is there: Beam's job server, or Java and the jar to start one."""

from __future__ import annotations

import os
import shutil
import socket

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from diptych.components.engines.errors import EngineError

#: How long a job server may take to answer that was started together with the step.
CONNECT_SECONDS = 60.0
_ANSWER_SECONDS = 10.0


def check_engine(options: PipelineOptions) -> None:
    """Looks whether a pipeline with these options can be handed to an engine.

    Raises:
        EngineError: there is no job server, or no Java or jar to start one.
    """
    if endpoint := options.view_as(PortableOptions).job_endpoint:
        check_job_server(endpoint, CONNECT_SECONDS)
    elif options.view_as(StandardOptions).runner == "FlinkRunner":
        _check_java(options)


def check_job_server(endpoint: str, seconds: float) -> None:
    """Waits until Beam's job server answers.

    Args:
        endpoint: its ``host:port``.
        seconds: how long to wait at most.

    Raises:
        EngineError: it does not, or something else does.
    """
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
            service.DescribePipelineOptions(
                beam_job_api_pb2.DescribePipelineOptionsRequest(), timeout=max(seconds, _ANSWER_SECONDS)
            )
        except (grpc.FutureTimeoutError, grpc.RpcError):
            raise EngineError(f"beam.endpoint: {_what_is_there(endpoint)}") from None


def _what_is_there(endpoint: str) -> str:
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS):
            return (
                f"what answers at '{endpoint}' is no job server of Beam's; name that one, by default at port 8099 "
                "(8081 is Flink's own REST API: beam.flink_rest)"
            )
    except socket.gaierror:
        return f"the host of '{endpoint}' is not known here; name Beam's job server as the steps reach it"
    except OSError as error:
        return (
            f"nothing answers at '{endpoint}' ({error.strerror or 'timed out'}); start Beam's job server there "
            "(docs/kubernetes), or name where it is"
        )


def _check_java(options: PipelineOptions) -> None:
    launcher = options.view_as(JobServerOptions).job_server_java_launcher
    if not shutil.which(launcher):
        raise EngineError(
            f"beam.flink_rest: each step would start Beam's job server, and there is no '{launcher}' here; build the "
            "image with --build-arg FLINK_JOB_SERVER=..., or run a job server beside the cluster and name it in "
            "beam.endpoint"
        )
    jar = options.view_as(FlinkRunnerOptions).flink_job_server_jar
    if not os.path.isfile(jar or ""):
        raise EngineError(
            f"beam.job_server_jar: there is no file '{jar}' here; build the image with --build-arg "
            "FLINK_JOB_SERVER=..., which puts it at /opt/job-server.jar"
        )
