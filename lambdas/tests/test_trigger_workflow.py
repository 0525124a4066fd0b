import base64
import json
import re
import sys
import types
import unittest
import unittest.mock

from .support import Context, environment, load


class Client:
    """Step Functions as the function sees it."""

    def __init__(self, error=None):
        self.error = error
        self.calls = []

    def start_execution(self, **call):
        self.calls.append(call)
        if self.error:
            raise self.error
        return {"executionArn": "arn:execution"}


def run(body, client=None, level="INFO", **event):
    client = client or Client()
    boto3 = types.SimpleNamespace(client=lambda service: client)
    module = load("trigger_workflow")
    event = {"body": body, "requestContext": {"requestId": "api-request-1"}, **event}
    with unittest.mock.patch.dict(sys.modules, boto3=boto3), environment(
        STATE_MACHINE_ARN="arn:machine", LOG_LEVEL=level
    ) as logs:
        answer = module.lambda_handler(event, Context())
        return answer["statusCode"], json.loads(answer["body"]), client.calls, logs()


GOOD = {"userId": "user1", "dataType": "sales_data"}

# A POST of "{body}" as the two types of API hand it over: API Gateway Developer Guide, "Input format of a Lambda function for
# proxy integration" and "AWS Lambda proxy integrations for HTTP APIs".
REST = {
    "resource": "/process",
    "path": "/process",
    "httpMethod": "POST",
    "headers": {"Accept": "*/*", "Content-Type": "application/json", "User-Agent": "curl/8.5.0"},
    "multiValueHeaders": {"User-Agent": ["curl/8.5.0"]},
    "queryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "requestContext": {
        "apiId": "a1b2c3d4e5",
        "httpMethod": "POST",
        "path": "/prod/process",
        "requestId": "api-request-1",
        "resourcePath": "/process",
        "stage": "prod",
    },
    "isBase64Encoded": False,
}
HTTP = {
    "version": "2.0",
    "routeKey": "POST /process",
    "rawPath": "/process",
    "rawQueryString": "",
    "headers": {"accept": "*/*", "content-type": "application/json", "user-agent": "curl/8.5.0"},
    "requestContext": {
        "apiId": "a1b2c3d4e5",
        "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "http": {"method": "POST", "path": "/process", "protocol": "HTTP/1.1", "userAgent": "curl/8.5.0"},
        "requestId": "api-request-1",
        "routeKey": "POST /process",
        "stage": "$default",
    },
    "isBase64Encoded": False,
}


def stable(text):
    """The text without the part of an execution's name that is new each time."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)


class TriggerWorkflow(unittest.TestCase):
    def test_good_request_starts_one_execution(self):
        status, body, calls, _ = run(json.dumps(GOOD))
        self.assertEqual((status, body["executionArn"]), (202, "arn:execution"))
        (call,) = calls
        self.assertEqual(call["stateMachineArn"], "arn:machine")
        self.assertRegex(call["name"], r"^api-user1-sales-data-[0-9a-f-]{36}$")
        self.assertEqual(json.loads(call["input"]), {**GOOD, "source": "api", "requestId": "api-request-1"})

    def test_bad_bodies_are_answered_400_and_start_nothing(self):
        bad = {
            None: "empty",
            "": "empty",
            "{": "not valid JSON",
            "NaN": "not valid JSON",
            "[" * 100_000: "not valid JSON",
            "[]": "JSON object",
            '"text"': "JSON object",
            "null": "JSON object",
            "{}": "missing: userId, dataType",
            '{"userId": "u"}': "missing: dataType",
            '{"userId": null, "dataType": 5}': "must be text: userId, dataType",
            json.dumps({**GOOD, "successRate": "1"}): "successRate",
            json.dumps({**GOOD, "successRate": True}): "successRate",
            json.dumps({**GOOD, "successRate": 1.5}): "successRate",
        }
        for body, reason in bad.items():
            with self.subTest(body=body and body[:60]):
                status, answer, calls, logs = run(body)
                self.assertEqual((status, calls), (400, []))
                self.assertIn(reason, answer["message"])
                self.assertEqual(logs[0]["message"], "request refused")

    def test_a_refused_request_is_logged_with_its_sender_at_every_level(self):
        headers = {"user-AGENT": "curl/8 " + "x" * 300}
        status, _, _, logs = run("{", level="CRITICAL", headers=headers)
        self.assertEqual((status, logs[0]["userAgent"]), (400, headers["user-AGENT"][:200]))
        self.assertIsNone(run("{")[3][0]["userAgent"])

    def test_empty_texts_are_let_through(self):
        status, _, calls, _ = run('{"userId": "", "dataType": ""}')
        self.assertEqual(status, 202)
        self.assertRegex(calls[0]["name"], r"^api-[0-9a-f-]{36}$")

    def test_optional_fields_are_passed_on_and_others_are_not(self):
        _, _, calls, _ = run(json.dumps({**GOOD, "successRate": 0, "notificationType": "SMS", "source": "me"}))
        sent = json.loads(calls[0]["input"])
        self.assertEqual((sent["successRate"], sent["notificationType"], sent["source"]), (0, "SMS", "api"))

    def test_names_are_safe_and_short_enough_whatever_is_sent(self):
        for text in ("a" * 500, "../../etc", "ü ber\n*", "a-" * 99, "\u0000"):
            _, _, calls, _ = run(json.dumps({"userId": text, "dataType": text}))
            name = calls[0]["name"]
            self.assertLessEqual(len(name), 80)
            self.assertTrue(re.fullmatch(r"[A-Za-z0-9-]+", name), name)

    def test_homerooms_nonce_stays_whole_in_the_name(self):
        _, _, calls, _ = run(json.dumps({**GOOD, "userId": "homeroom-7abcdefgh2"}))
        self.assertTrue(calls[0]["name"].startswith("api-homeroom-7abcdefgh2-"))

    def test_the_line_that_proves_the_start_is_written_at_every_level(self):
        for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "nonsense"):
            with self.subTest(level=level):
                _, body, calls, logs = run(json.dumps(GOOD), level=level)
                (line,) = [line for line in logs if line["message"] == "execution started"]
                self.assertEqual(line["execution"], calls[0]["name"])

    def test_nothing_that_is_sent_writes_that_line(self):
        for body in ("{", '{"userId": "execution started"}', json.dumps({**GOOD, "successRate": "execution started"})):
            logs = run(body)[3]
            self.assertEqual([line for line in logs if line["message"] == "execution started"], [])
        logs = run(json.dumps(GOOD), Client(RuntimeError("no")))[3]
        self.assertEqual([line for line in logs if line["message"] == "execution started"], [])

    def test_both_types_of_api_get_the_same_answer_log_and_execution(self):
        bodies = (json.dumps(GOOD), '{"userId": "", "dataType": ""}', "{", "", "[]", '{"userId": "u"}')
        for body in bodies:
            for error in (None, RuntimeError("no")):
                with self.subTest(body=body, error=error):
                    rest, http = (
                        stable(json.dumps(run(body, Client(error), **event))) for event in (REST, HTTP)
                    )
                    self.assertEqual(rest, http)
                    self.assertIn("api-request-1", http)

    def test_an_http_api_without_a_body_or_with_an_encoded_one_is_understood(self):
        self.assertEqual(run(None, **HTTP)[0], 400)
        # What curl sends without a content type.
        form = {**HTTP, "headers": {"content-type": "application/x-www-form-urlencoded", "user-agent": "curl/8.5.0"}}
        encoded = base64.b64encode(json.dumps(GOOD).encode()).decode()
        status, _, calls, _ = run(encoded, **{**form, "isBase64Encoded": True})
        self.assertEqual((status, len(calls)), (202, 1))
        status, _, _, logs = run(base64.b64encode(b"{").decode(), **{**form, "isBase64Encoded": True})
        self.assertEqual((status, logs[0]["userAgent"]), (400, "curl/8.5.0"))

    def test_base64_body_is_read(self):
        body = base64.b64encode(json.dumps(GOOD).encode()).decode()
        self.assertEqual(run(body, isBase64Encoded=True)[0], 202)
        self.assertEqual(run("%%%", isBase64Encoded=True)[0], 400)

    def test_refusal_of_step_functions_is_answered_502_and_logged(self):
        status, body, _, logs = run(json.dumps(GOOD), Client(RuntimeError("AccessDenied: no")))
        self.assertEqual((status, body["error"]), (502, "StartFailed"))
        self.assertNotIn("AccessDenied", json.dumps(body))
        self.assertEqual((logs[0]["level"], "AccessDenied: no" in logs[0]["reason"]), ("ERROR", True))


if __name__ == "__main__":
    unittest.main()
