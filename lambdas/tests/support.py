"""Loads a function's module by its folder: all three files have the same name, as Lambda wants it."""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import unittest.mock

FOLDER = pathlib.Path(__file__).resolve().parent.parent


def load(name):
    """A fresh copy of lambdas/<name>/lambda_function.py."""
    spec = importlib.util.spec_from_file_location(f"{name}_function", FOLDER / name / "lambda_function.py")
    module = importlib.util.module_from_spec(spec)
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
