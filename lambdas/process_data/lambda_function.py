"""Processes one request of the workflow: the lab's business logic, simulated.

The workflow sends {"execution": "<name>", "request": {"userId": "...", "dataType": "..."}}. For a test from
the Lambda console, the request may also be sent by itself.

A request that can never succeed raises InvalidRequest, which the workflow does not retry. A run that fails
by chance raises TransientProcessingError, which it does. The chance of success is SUCCESS_RATE (0 to 1); a
request may carry its own as "successRate".
"""

import json
import logging
import os
import random
import time

# Records that one request stands for: at least and at most.
RECORDS = {
    "sales_data": (500, 1500),
    "customer_data": (100, 400),
    "inventory_data": (1000, 5000),
    "analytics_data": (5000, 20000),
}


class InvalidRequest(Exception):
    """The request is wrong; trying again does not help."""


class TransientProcessingError(Exception):
    """This run failed; another may succeed."""


def log(level, message, **fields):
    """Writes one JSON line, if LOG_LEVEL lets the level through."""
    threshold = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    if not isinstance(threshold, int) or level >= threshold:
        print(json.dumps({"level": logging.getLevelName(level), "message": message, **fields}), flush=True)


def rate(value, name):
    """A chance of success from 0 to 1, or InvalidRequest."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise InvalidRequest(f"{name} must be a number from 0 to 1, not {value!r}")
    return number


def validate(request):
    """Returns (user id, data type, chance of success), or raises InvalidRequest with every problem."""
    if not isinstance(request, dict):
        raise InvalidRequest("the input must be a JSON object with userId and dataType")
    problems = []
    user_id = request.get("userId")
    if not isinstance(user_id, str) or not user_id.strip():
        problems.append("userId is missing or empty")
    data_type = request.get("dataType")
    if not isinstance(data_type, str) or data_type not in RECORDS:
        problems.append(f"dataType must be one of {', '.join(RECORDS)}, not {data_type!r}")
    if problems:
        raise InvalidRequest("; ".join(problems))
    if request.get("successRate") is not None:
        return user_id, data_type, rate(request["successRate"], "successRate")
    return user_id, data_type, rate(os.environ.get("SUCCESS_RATE", "0.8"), "SUCCESS_RATE")


def lambda_handler(event, context, chance=random):
    """Entry point. `chance` is where luck comes from; tests bring their own."""
    started = time.monotonic()
    wrapped = isinstance(event, dict) and "request" in event
    request = event["request"] if wrapped else event
    about = {
        "execution": event.get("execution") if wrapped else None,
        "requestId": getattr(context, "aws_request_id", None),
    }
    try:
        user_id, data_type, success_rate = validate(request)
    except InvalidRequest as error:
        log(logging.ERROR, "request refused", reason=str(error), **about)
        raise
    about.update(userId=user_id, dataType=data_type)
    log(logging.INFO, "processing started", successRate=success_rate, **about)
    if chance.random() >= success_rate:
        log(logging.WARNING, "processing failed, may be tried again", **about)
        raise TransientProcessingError(f"processing {data_type} for {user_id} failed by chance; try again")
    records = chance.randint(*RECORDS[data_type])
    result = {
        "status": "COMPLETED",
        "userId": user_id,
        "dataType": data_type,
        "processedRecords": records,
        "durationMs": round((time.monotonic() - started) * 1000, 3),
    }
    log(logging.INFO, "processing completed", processedRecords=records, **about)
    return result
