"""Tells of a run, or deletes them all."""

import json


def main(event, context):
    """Entry point."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    # The user agent of homeroom's own requests tells them from a student's.
    line = {"agent": headers.get("user-agent")}
    if event["httpMethod"] == "DELETE":
        print(json.dumps({"message": "deleted", **line}))
        return {"statusCode": 204}
    name = (event.get("pathParameters") or {}).get("name")
    print(json.dumps({"message": "read", "name": name, **line}))
    answer = {
        "name": name,
        "unit": (event.get("queryStringParameters") or {}).get("unit"),
        "header": headers.get("x-lab"),
        "body": bool(event.get("body")),
    }
    return {"statusCode": 200, "body": json.dumps(answer)}
