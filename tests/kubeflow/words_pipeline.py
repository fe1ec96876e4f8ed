"""A small pipeline for tests, whose containers are a few lines of Python."""

from __future__ import annotations

from typing import Any

# The command of "write": writes its parameter into its artifact; fails if the parameter is "fail".
WRITE = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])
word = given["inputs"]["parameterValues"].get("word", "")
uri = given["outputs"]["artifacts"]["text"]["artifacts"][0]["uri"]
path = pathlib.Path(os.environ["DIPTYCH_ROOT"], "minio", uri.removeprefix("minio://"))
path.write_text(word)
print(word)
if word == "fail":
    sys.exit(1)
"""
# The command of "read": reports the text of its input artifact as an output parameter.
READ = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])
artifact = given["inputs"]["artifacts"]["text"]["artifacts"][0]
text = pathlib.Path(os.environ["DIPTYCH_ROOT"], "minio", artifact["uri"].removeprefix("minio://")).read_text()
pathlib.Path(given["outputs"]["parameters"]["said"]["outputFile"]).write_text(text)
"""
# The command of "tell": writes its parameters into the stores.
TELL = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])["inputs"]["parameterValues"]
pathlib.Path(os.environ["DIPTYCH_STORES"], "told.json").write_text(json.dumps(given))
"""


def _executor(code: str) -> dict[str, Any]:
    return {"container": {"image": "i", "command": ["python", "-c", code], "args": ["{{$}}"]}}


def make_spec() -> dict[str, Any]:
    """The spec: "write" and then "read" in the sub-DAG "both", and "tell" as its exit handler."""
    text = {"text": {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}}
    word = {"word": {"parameterType": "STRING"}}
    cached = {"enableCache": True}
    return {
        "pipelineInfo": {"name": "words"},
        "schemaVersion": "2.1.0",
        "defaultPipelineRoot": "minio://bucket/kept",
        "deploymentSpec": {"executors": {"w": _executor(WRITE), "r": _executor(READ), "t": _executor(TELL)}},
        "components": {
            "write": {
                "executorLabel": "w",
                "inputDefinitions": {"parameters": word},
                "outputDefinitions": {"artifacts": text},
            },
            "read": {
                "executorLabel": "r",
                "inputDefinitions": {"artifacts": text},
                "outputDefinitions": {"parameters": {"said": {"parameterType": "STRING"}}},
            },
            "tell": {
                "executorLabel": "t",
                "inputDefinitions": {
                    "parameters": {
                        "status": {"parameterType": "TASK_FINAL_STATUS"},
                        "run": {"parameterType": "STRING"},
                    }
                },
            },
            "both": {
                "inputDefinitions": {"parameters": word},
                "dag": {
                    "tasks": {
                        "write": {
                            "taskInfo": {"name": "write"},
                            "componentRef": {"name": "write"},
                            "cachingOptions": cached,
                            "inputs": {"parameters": {"word": {"componentInputParameter": "word"}}},
                        },
                        "read": {
                            "taskInfo": {"name": "read"},
                            "componentRef": {"name": "read"},
                            "cachingOptions": cached,
                            "inputs": {
                                "artifacts": {
                                    "text": {
                                        "taskOutputArtifact": {"producerTask": "write", "outputArtifactKey": "text"}
                                    }
                                }
                            },
                        },
                    }
                },
            },
        },
        "root": {
            "inputDefinitions": {"parameters": {"word": {"parameterType": "STRING", "defaultValue": "hello"}}},
            "dag": {
                "tasks": {
                    "both": {
                        "taskInfo": {"name": "both"},
                        "componentRef": {"name": "both"},
                        "inputs": {"parameters": {"word": {"componentInputParameter": "word"}}},
                    },
                    "tell": {
                        "taskInfo": {"name": "tell"},
                        "componentRef": {"name": "tell"},
                        "dependentTasks": ["both"],
                        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                        "inputs": {
                            "parameters": {
                                "status": {"taskFinalStatus": {"producerTask": "both"}},
                                "run": {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}},
                            }
                        },
                    },
                }
            },
        },
    }
