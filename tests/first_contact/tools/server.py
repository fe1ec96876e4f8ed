"""Runs scripts in one process, which imports each tool once: a line of JSON, the script and its arguments, for each.

It answers with a line of JSON: null, or the traceback of a script that failed.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
# What scripts print is no answer.
os.dup2(2, 1)
for line in sys.stdin:
    script, *arguments = json.loads(line)
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
        answer = None
    except BaseException:
        answer = traceback.format_exc()
    print(json.dumps(answer), file=answers, flush=True)
