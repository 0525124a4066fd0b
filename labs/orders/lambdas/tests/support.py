"""Loads the lab's modules as Lambda does: each folder is a search path of its own."""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import sys
import unittest.mock

FOLDER = pathlib.Path(__file__).resolve().parent.parent


def load(folder, name):
    """A fresh copy of lambdas/<folder>/<name>.py; what it imports comes from its own folder."""
    path = FOLDER / folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", path)
    module = importlib.util.module_from_spec(spec)
    with unittest.mock.patch.object(sys, "path", [str(path.parent), *sys.path]):
        spec.loader.exec_module(module)
    return module


class Context:
    """The part of Lambda's context that the functions read."""

    aws_request_id = "request-1"


@contextlib.contextmanager
def environment(**values):
    """Runs with exactly these environment variables; yields the log lines written so far, parsed."""
    out = io.StringIO()
    with unittest.mock.patch.dict(os.environ, values, clear=True), contextlib.redirect_stdout(out):
        yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
