"""Notifies the user of a processed request by EMAIL, SMS or PUSH: simulated, nothing leaves the account.

The workflow sends {"execution": "<name>", "request": {…the execution's input, with the result of the
processing under "processing"…}}. The request chooses the kind by "notificationType"; EMAIL if it does not.
"""

import json
import logging
import os
import uuid

DEFAULT_KIND = "EMAIL"
# What the message looks like on each channel.
MESSAGES = {
    "EMAIL": "Hello {user}, your {data_type} request is done: {records} records were processed.",
    "SMS": "{data_type} done: {records} records",
    "PUSH": "Your {data_type} request is done",
}


class InvalidNotification(Exception):
    """There is nobody to notify, or no such kind; trying again does not help."""


def log(level, message, **fields):
    """Writes one JSON line, if LOG_LEVEL lets the level through."""
    threshold = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    if not isinstance(threshold, int) or level >= threshold:
        print(json.dumps({"level": logging.getLevelName(level), "message": message, **fields}), flush=True)


def compose(request):
    """Returns (kind, user id, message), or raises InvalidNotification."""
    if not isinstance(request, dict):
        raise InvalidNotification("the input must be a JSON object with userId")
    kind = request.get("notificationType", DEFAULT_KIND)
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise InvalidNotification(f"notificationType must be one of {', '.join(MESSAGES)}, not {kind!r}")
    user_id = request.get("userId")
    if not isinstance(user_id, str) or not user_id.strip():
        raise InvalidNotification("userId is missing or empty")
    processing = request.get("processing")
    records = processing.get("processedRecords", 0) if isinstance(processing, dict) else 0
    message = MESSAGES[kind].format(
        user=user_id, data_type=request.get("dataType", "unknown"), records=records
    )
    return kind, user_id, message


def lambda_handler(event, context):
    """Entry point."""
    wrapped = isinstance(event, dict) and "request" in event
    request = event["request"] if wrapped else event
    about = {
        "execution": event.get("execution") if wrapped else None,
        "requestId": getattr(context, "aws_request_id", None),
    }
    try:
        kind, user_id, message = compose(request)
    except InvalidNotification as error:
        log(logging.ERROR, "notification refused", reason=str(error), **about)
        raise
    notification_id = str(uuid.uuid4())
    log(logging.INFO, "notification sent", kind=kind, userId=user_id, notificationId=notification_id, **about)
    return {
        "status": "SENT",
        "notificationId": notification_id,
        "notificationType": kind,
        "userId": user_id,
        "message": message,
    }
