"""Asks for approvals, and passes answers on.

From the workflow it gets {"execution": "<name>", "taskToken": "…", "request": {"item": "…", "amount": 1}}. Whoever has the
token can answer for the workflow's waiting state. A small amount (up to ROBOT_LIMIT) is approved on the spot, by the
token. For a large one the token goes into the log, where a person finds it, and the function is done: nothing runs while
the workflow waits.

From a person it gets {"execution": "<name>", "decision": "approve", "by": "…"}, or "reject" with a "reason", or
"heartbeat": the person needs more time. It finds the token in its own log and passes the decision on. The answer says what
came of it: {"sent": true, "message": "…"}.

A token is a key: in earnest it would be kept in a table, and never be logged.
"""

import json
import logging
import os
import re
import time

DECISIONS = ("approve", "reject", "heartbeat")
# What the line of the log that holds a token says.
ASKED = "approval needed"
# How long a token is looked for, in seconds: an event takes a moment until the log shows it.
LOOK_S = 10
LOOK_MAX_S = 20
# The names of executions that Step Functions logs, and nothing that means anything in a filter's pattern.
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
# What Step Functions says of a token whose state waits no longer, or that never was one.
GONE = ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken")


class NotUnderstood(Exception):
    """What was sent is neither a workflow's question nor a person's decision; the message says what is wrong."""


def log(level, message, always=False, **fields):
    """Writes one JSON line, if LOG_LEVEL lets the level through or the line is wanted at every level."""
    threshold = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    if always or not isinstance(threshold, int) or level >= threshold:
        print(json.dumps({"level": logging.getLevelName(level), "message": message, **fields}), flush=True)


_clients = {}


def client(service):
    """A client of AWS, made once for each execution environment."""
    if service not in _clients:
        import boto3  # here, so that everything else can be tested without it

        _clients[service] = boto3.client(service)
    return _clients[service]


def text(event, key, otherwise):
    """A text of an event, cut to a sensible length."""
    value = event.get(key)
    return value.strip()[:200] if isinstance(value, str) and value.strip() else otherwise


def ask(event, context):
    """A question of the workflow's."""
    told = {"execution": event.get("execution"), "requestId": getattr(context, "aws_request_id", None)}
    request = event.get("request")
    amount = request.get("amount") if isinstance(request, dict) else None
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise NotUnderstood(f"the request's amount must be a number, not {amount!r}")
    if amount <= float(os.environ["ROBOT_LIMIT"]):
        answer = {"decidedBy": "robot"}
        client("stepfunctions").send_task_success(taskToken=event["taskToken"], output=json.dumps(answer))
        log(logging.INFO, "approved by the robot", amount=amount, **told)
        return {"sent": True}
    # At every level: without this line nobody could answer.
    item, token = request.get("item"), event["taskToken"]
    log(logging.WARNING, ASKED, always=True, item=item, amount=amount, taskToken=token, **told)
    return {"sent": False}


def line_of(message):
    """A line of the log with what is asked of it; not every line is one of this function's."""
    try:
        line = json.loads(message)
    except ValueError:
        line = None
    line = line if isinstance(line, dict) else {}
    return {key: line.get(key) for key in ("message", "execution", "taskToken")}


def token_of(execution, look_s):
    """The newest token that was logged for an execution; None if there is none yet."""
    pattern = f'{{ $.message = "{ASKED}" && $.execution = "{execution}" }}'
    until = time.monotonic() + look_s
    while True:
        found = []
        pages = client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=os.environ["LOG_GROUP"], filterPattern=pattern):
            found += [(event["timestamp"], line_of(event["message"])) for event in page["events"]]
        asked = [(at, line["taskToken"]) for at, line in found if (line["message"], line["execution"]) == (ASKED, execution)]
        if asked:
            return max(asked)[1]
        if time.monotonic() >= until:
            return None
        time.sleep(0.5)


def decision_of(event):
    """(execution, decision, seconds to look for its token), or NotUnderstood with every problem."""
    problems = []
    execution, decision = event.get("execution"), event.get("decision")
    if not isinstance(execution, str) or not NAME.fullmatch(execution):
        problems.append(f"execution must be the name of an execution, not {execution!r}")
    if decision not in DECISIONS:
        problems.append(f"decision must be one of {', '.join(DECISIONS)}, not {decision!r}")
    look_s = event.get("lookSeconds", LOOK_S)
    if isinstance(look_s, bool) or not isinstance(look_s, (int, float)) or not 0 <= look_s <= LOOK_MAX_S:
        problems.append(f"lookSeconds must be a number from 0 to {LOOK_MAX_S}, not {look_s!r}")
    if problems:
        raise NotUnderstood("; ".join(problems))
    return execution, decision, look_s


def decide(event, context):
    """A person's decision."""
    execution, decision, look_s = decision_of(event)
    token = token_of(execution, look_s)
    if token is None:
        message = f"no question of an execution named {execution} is in the log; is the name right, and does it wait for you?"
        log(logging.WARNING, "decision not sent", reason=message, execution=execution)
        return {"sent": False, "message": message}
    by = text(event, "by", "a person without a name")
    states = client("stepfunctions")
    try:
        if decision == "approve":
            states.send_task_success(taskToken=token, output=json.dumps({"decidedBy": by}))
        elif decision == "reject":
            states.send_task_failure(taskToken=token, error="Rejected", cause=f"{by}: {text(event, 'reason', 'no reason given')}")
        else:
            states.send_task_heartbeat(taskToken=token)
    except Exception as error:  # the client's errors have no class that can be named without it
        if type(error).__name__ not in GONE:
            raise
        message = f"{execution} waits no longer: it was answered before, or too late"
        log(logging.WARNING, "decision not sent", reason=message, execution=execution)
        return {"sent": False, "message": message}
    about = {"execution": execution, "requestId": getattr(context, "aws_request_id", None)}
    log(logging.INFO, "decision sent", decision=decision, by=by, **about)
    return {"sent": True, "message": f"sent to {execution}: {decision}"}


def lambda_handler(event, context):
    """Entry point."""
    try:
        if isinstance(event, dict) and "taskToken" in event:
            return ask(event, context)
        if isinstance(event, dict) and "decision" in event:
            return decide(event, context)
        raise NotUnderstood('send {"execution": "approve-1", "decision": "approve", "by": "your name"}')
    except NotUnderstood as error:
        log(logging.ERROR, "not understood", reason=str(error), requestId=getattr(context, "aws_request_id", None))
        raise
