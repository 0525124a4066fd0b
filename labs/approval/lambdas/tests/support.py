"""Loads the function's module, and stands in for AWS."""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import sys
import types
import unittest.mock

FOLDER = pathlib.Path(__file__).resolve().parent.parent


def load(name):
    """A fresh copy of lambdas/<name>/lambda_function.py."""
    spec = importlib.util.spec_from_file_location(f"{name}_function", FOLDER / name / "lambda_function.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Context:
    """The part of Lambda's context that the function reads."""

    aws_request_id = "request-1"


class Cloud:
    """Step Functions and CloudWatch Logs as the function sees them. `logs` are the events of each look, one list a look."""

    def __init__(self, logs=(), error=None):
        self.looks = list(logs)
        self.error = error
        self.calls = []

    def get_paginator(self, operation):
        assert operation == "filter_log_events"
        return self

    def paginate(self, **call):
        self.calls.append(("filter_log_events", call))
        events = self.looks.pop(0) if self.looks else []
        # One event a page: a page may be empty and not be the last.
        return [{"events": []}, *({"events": [event]} for event in events)]

    def __getattr__(self, name):
        def call(**call):
            self.calls.append((name, call))
            if self.error:
                raise self.error
            return {}

        return call

    def boto3(self):
        return types.SimpleNamespace(client=lambda service: self)


@contextlib.contextmanager
def environment(cloud, **values):
    """Runs with exactly these environment variables and this cloud; yields the log lines written so far, parsed."""
    out = io.StringIO()
    with (
        unittest.mock.patch.dict(os.environ, values, clear=True),
        unittest.mock.patch.dict(sys.modules, boto3=cloud.boto3()),
        contextlib.redirect_stdout(out),
    ):
        yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
