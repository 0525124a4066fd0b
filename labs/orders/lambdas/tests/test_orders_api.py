import base64
import json
import re
import sys
import types
import unittest
import unittest.mock

from .support import Context, environment, load

ORDER = {"customer": "user1", "shipping": "express", "payment": "card", "lines": [{"sku": "cup", "quantity": 2}]}
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:user1-fulfil-order"


class ExecutionDoesNotExist(Exception):
    pass


class Client:
    """Step Functions as the function sees it."""

    def __init__(self, described=None, error=None):
        self.described = described
        self.error = error
        self.calls = []

    def answer(self, call, answer):
        self.calls.append(call)
        if self.error:
            raise self.error
        return answer

    def start_execution(self, **call):
        return self.answer(call, {"executionArn": "arn:execution"})

    def describe_execution(self, **call):
        return self.answer(call, self.described)


def run(client=None, level="INFO", **event):
    client = client or Client()
    boto3 = types.SimpleNamespace(client=lambda service: client)
    module = load("orders_api", "lambda_function")
    event = {"requestContext": {"requestId": "api-request-1"}, **event}
    with unittest.mock.patch.dict(sys.modules, boto3=boto3), environment(
        STATE_MACHINE_ARN=MACHINE, LOG_LEVEL=level
    ) as logs:
        answer = module.lambda_handler(event, Context())
        return answer["statusCode"], json.loads(answer["body"]), client.calls, logs()


def post(body, client=None, **event):
    return run(client, httpMethod="POST", body=body, **event)


def get(name, client=None, **event):
    return run(client, httpMethod="GET", body=None, pathParameters={"name": name}, **event)


class Post(unittest.TestCase):
    def test_a_good_order_starts_one_execution(self):
        status, body, calls, logs = post(json.dumps({**ORDER, "coupon": "x"}))
        (call,) = calls
        self.assertEqual((status, body["state"], body["name"]), (202, "RECEIVED", call["name"]))
        self.assertEqual((call["stateMachineArn"], json.loads(call["input"])), (MACHINE, ORDER))
        self.assertRegex(call["name"], r"^web-user1-[0-9a-f-]{36}$")
        self.assertEqual(logs[0]["execution"], call["name"])

    def test_bad_bodies_are_answered_400_and_start_nothing(self):
        bad = {
            None: "empty",
            "": "empty",
            "{": "not valid JSON",
            "NaN": "not valid JSON",
            "[" * 100_000: "not valid JSON",
            " " * 100_001: "longer than",
            "[]": "JSON object",
            "null": "JSON object",
            "{}": "missing: customer, shipping, payment, lines",
            json.dumps({**ORDER, "lines": "cup"}): "lines must be a list",
            json.dumps({**ORDER, "customer": 5, "payment": None}): "customer must be text; payment must be text",
        }
        for body, reason in bad.items():
            with self.subTest(body=body and body[:60]):
                status, answer, calls, logs = post(body)
                self.assertEqual((status, calls), (400, []))
                self.assertIn(reason, answer["message"])
                self.assertEqual(logs[0]["message"], "request refused")

    def test_a_base64_body_is_read(self):
        body = base64.b64encode(json.dumps(ORDER).encode()).decode()
        self.assertEqual(post(body, isBase64Encoded=True)[0], 202)
        self.assertEqual(post("%%%", isBase64Encoded=True)[0], 400)

    def test_names_are_safe_and_short_enough_whatever_is_sent(self):
        for text in ("", "a" * 500, "../../etc", "ü ber\n*", "a-" * 99, "\u0000"):
            name = post(json.dumps({**ORDER, "customer": text}))[2][0]["name"]
            self.assertTrue(len(name) <= 80 and re.fullmatch(r"web-[A-Za-z0-9-]+", name), name)

    def test_homerooms_nonce_stays_whole_in_the_name(self):
        name = post(json.dumps({**ORDER, "customer": "homeroom-7abcdefgh2"}))[2][0]["name"]
        self.assertTrue(name.startswith("web-homeroom-7abcdefgh2-"))

    def test_the_line_that_proves_the_start_is_written_at_every_level(self):
        for level in ("DEBUG", "CRITICAL", "nonsense"):
            _, _, calls, logs = post(json.dumps(ORDER), level=level)
            (line,) = [line for line in logs if line["message"] == "order started"]
            self.assertEqual(line["execution"], calls[0]["name"])

    def test_nothing_that_is_sent_writes_that_line(self):
        for sent in ("{", '{"customer": "order started"}'):
            self.assertNotIn("order started", [line["message"] for line in post(sent)[3]])
        refused = post(json.dumps(ORDER), Client(error=RuntimeError("no")))[3]
        self.assertNotIn("order started", [line["message"] for line in refused])

    def test_a_refused_request_is_logged_with_its_sender_at_every_level(self):
        headers = {"user-AGENT": "curl/8 " + "x" * 300}
        _, _, _, logs = post("{", level="CRITICAL", headers=headers)
        self.assertEqual(logs[0]["userAgent"], headers["user-AGENT"][:200])
        self.assertIsNone(post("{")[3][0]["userAgent"])

    def test_refusal_of_step_functions_is_answered_502_and_logged(self):
        status, body, _, logs = post(json.dumps(ORDER), Client(error=RuntimeError("AccessDenied: no")))
        self.assertEqual((status, body["error"]), (502, "StartFailed"))
        self.assertNotIn("AccessDenied", json.dumps(body))
        self.assertEqual((logs[0]["level"], "AccessDenied: no" in logs[0]["reason"]), ("ERROR", True))


class Get(unittest.TestCase):
    def test_an_order_is_told_as_it_stands(self):
        shipment = {"shipment": {"status": "SHIPPED", "totalCents": 990, "tracking": "0A"}}
        for described, told in (
            ({"status": "RUNNING"}, {"state": "IN_PROGRESS"}),
            ({"status": "SUCCEEDED", "output": json.dumps(shipment)}, {"state": "SHIPPED", "totalCents": 990, "tracking": "0A"}),
            ({"status": "SUCCEEDED", "output": "{}"}, {"state": "DONE"}),
            ({"status": "SUCCEEDED"}, {"state": "DONE"}),
            ({"status": "FAILED", "error": "OutOfStock"}, {"state": "REJECTED", "reason": "OutOfStock"}),
            ({"status": "TIMED_OUT"}, {"state": "REJECTED", "reason": "TIMED_OUT"}),
            ({"status": "ABORTED"}, {"state": "REJECTED", "reason": "ABORTED"}),
        ):
            with self.subTest(described=described):
                status, body, calls, logs = get("web-user1-1", Client(described))
                self.assertEqual((status, body), (200, {"name": "web-user1-1", "requestId": "api-request-1", **told}))
                arn = MACHINE.replace("stateMachine", "execution")
                self.assertEqual(calls, [{"executionArn": f"{arn}:web-user1-1"}])
                self.assertEqual((logs[0]["message"], logs[0]["state"]), ("order looked up", told["state"]))

    def test_what_is_no_order_is_answered_404(self):
        status, body, _, logs = get("web-1", Client(error=ExecutionDoesNotExist("no")))
        self.assertEqual((status, body["error"], logs[0]["message"]), (404, "NotFound", "order not found"))

    def test_what_can_be_no_name_is_never_asked_for(self):
        for name in (None, "", "a:b", "../x", "a" * 81, "ü", "web-1\n"):
            status, _, calls, _ = get(name)
            self.assertEqual((status, calls), (404, []))
        self.assertEqual(run(httpMethod="GET", pathParameters=None)[0], 404)

    def test_refusal_of_step_functions_is_answered_502_and_logged(self):
        status, body, _, logs = get("web-1", Client(error=RuntimeError("AccessDenied: no")))
        self.assertEqual((status, body["error"], logs[0]["level"]), (502, "ReadFailed", "ERROR"))
        self.assertNotIn("AccessDenied", json.dumps(body))


if __name__ == "__main__":
    unittest.main()
