"""Units of guard.py. Run by tests/cloud/local_cloud.rs; by hand: `python3 -m unittest discover src/local`."""

import datetime
import hashlib
import json
import os
import sys
import time
import unittest
from urllib.parse import unquote

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guard  # noqa: E402

SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential={key}/20150830/us-east-1/{service}/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature={value}"
)


def scope(target, method="GET", host="127.0.0.1:4000", **headers):
    raw_path, _, query = target.partition("?")
    pairs = [(b"host", host.encode())]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http", "method": method, "path": unquote(raw_path), "raw_path": raw_path.encode(),
        "query_string": query.encode(), "headers": pairs,
    }


def authorization(service="lambda", key="AKIDEXAMPLE", value="0" * 64):
    return SIGNATURE.format(service=service, key=key, value=value)


class Proof(unittest.TestCase):
    SECRET = "0123456789abcdef"
    NONCE = "5a" * 32
    # src/local/process.rs has the same.
    PROOF = "12451a56e69547642e251c9b86bc20d646af335356997e3ed580af0d4658495f"

    def told(self, query):
        gate = guard.Gate(None, None, guard.CodeAddresses("40123", b""), ("HRAD", self.SECRET), "word")
        return json.loads(gate.identity(query))

    def test_a_nonce_is_answered_with_what_the_secret_and_the_port_make_of_it(self):
        told = self.told(b"nonce=" + self.NONCE.encode())
        self.assertEqual((told["instance"], told["proof"]), ("word", self.PROOF))
        self.assertNotEqual(guard.prove(self.SECRET, "40124", self.NONCE), self.PROOF)
        self.assertNotEqual(guard.prove("other", "40123", self.NONCE), self.PROOF)

    def test_nothing_else_is_answered_with_a_proof(self):
        for query in (b"", b"nonce=", b"nonce=5a", b"nonce=" + b"zz" * 32, b"nonce=" + b"5a" * 33, b"nonce=5a%0a"):
            self.assertNotIn("proof", self.told(query), query)

    def test_the_question_passes_the_guard(self):
        asked = guard.judge(scope(f"{guard.IDENTITY_PATH}?nonce={self.NONCE}"))
        self.assertEqual(asked.kind, "identity")


class Judge(unittest.TestCase):
    API = "/_aws/execute-api/abc123/dev/process"

    def kind(self, *args, **kwargs):
        return guard.judge(scope(*args, **kwargs)).kind

    def assert_refused(self, *args, **kwargs):
        with self.assertRaises(guard.Refused, msg=f"{args} {kwargs}"):
            guard.judge(scope(*args, **kwargs))

    def test_a_call_of_an_api_passes_from_a_web_page_too(self):
        for target in (self.API, "/_aws/execute-api/abc123/$default/process", self.API + "/deeper/", "/_aws/execute-api/abc123/dev/", self.API + "?name=a&name=b",
                       self.API + "/with%20space/%C3%A9"):
            self.assertEqual(self.kind(target, "POST"), "api", target)
            self.assertEqual(self.kind(target, "OPTIONS", origin="https://example.com"), "api", target)

    def test_what_is_not_quite_a_call_of_an_api_is_refused(self):
        for target in (
            "/_aws/execute-api/", "/_aws/execute-api/abc123", "/_aws/execute-api/abc123/dev",
            "/_aws/execute-api//dev/x", "/_aws/execute-api/abc123//x", self.API + "//x", self.API + "/../x",
            self.API + "/.", self.API + "/%2e%2e/x", self.API + "/a%2fb", self.API + "/a%5Cb", self.API + "/a;b",
            self.API + "/a%3bb", self.API + "/a%25b", self.API + "/%00", self.API + "/%ff", "/_aws/execute-api/a%62c/dev/x",
            "/_aws/execute-api/abc123/d%65v/x", "/_aws/execute-api/abc123/$other/x", "/_aws/execute-api/abc123/dev/@connections/1", "/_AWS/execute-api/a/b/c",
            "/restapis/abc123/dev/_user_request_/x", "/_aws/lambda-url/abc/x", "http://127.0.0.1:4000" + self.API,
        ):
            self.assert_refused(target)

    def test_a_call_of_an_api_that_names_an_operation_of_aws_is_refused(self):
        for target in (
            self.API + "?Action=CreateUser", self.API + "?a=b&%41ction=CreateUser", self.API + "?X-Amz-Credential=test/x",
            self.API + "?x-amz-target=x", self.API + "?AWSAccessKeyId=test",
        ):
            self.assert_refused(target, "POST")
        self.assert_refused(self.API, "POST", x_amz_target="AWSLambda.CreateFunction")
        self.assert_refused(self.API, "POST", x_http_method_override="DELETE")
        self.assert_refused(self.API, "TRACE")

    def test_a_signed_call_of_an_api_is_for_execute_api_and_from_no_web_page(self):
        signed = authorization("execute-api")
        self.assertEqual(self.kind(self.API, authorization=signed), "api")
        self.assert_refused(self.API, authorization=authorization("lambda"))
        self.assert_refused(self.API, authorization="Bearer x")
        self.assert_refused(self.API, authorization=signed, origin="https://example.com")
        self.assert_refused(self.API, authorization=signed, sec_fetch_site="same-origin")

    def test_the_control_plane_wants_a_signature_and_no_web_page(self):
        functions = "/2015-03-31/functions"
        self.assertEqual(self.kind(functions, authorization=authorization()), "control")
        self.assert_refused(functions)
        self.assert_refused("/?Action=ListUsers", "POST")
        self.assert_refused(functions, authorization=authorization(), origin="null")
        self.assert_refused(functions, authorization=authorization(), sec_fetch_site="cross-site")
        self.assert_refused(functions + "?X-Amz-Credential=x", authorization=authorization())
        for odd in ("//functions", "/2015-03-31/./functions", "/2015-03-31/%2e%2e/functions", "functions", "*"):
            self.assert_refused(odd, authorization=authorization())
        for other in ("AWS test:x", "AWS4-ECDSA-P256-SHA256 Credential=test/x", "", authorization() + " x",
                      authorization(key="")):
            self.assert_refused(functions, authorization=other)

    def test_routes_of_ministack_are_refused_even_when_signed(self):
        for target in ("/_ministack/reset", "/_ministack/health", "/_localstack/health", "/_ministack/lambda-code/f",
                       "/_ministack/config", "/health", "/_aws/ses", "/_aws/sqs/messages", "/%5fministack/reset"):
            self.assert_refused(target, "POST")
            if not target.startswith("/%"):
                self.assert_refused(target, "POST", authorization=authorization())

    def test_only_this_machine_s_own_names_are_answered_to(self):
        for host in ("127.0.0.1", "localhost:4000", "127.0.0.1:5000"):
            self.assertEqual(self.kind(self.API, host=host), "api", host)
        for host in ("", "example.com:4000", "abc123.execute-api.localhost:4000", "bucket.localhost", "127.0.0.1.example.com",
                     "localhost:4000.example.com", "127.0.0.1:4000, example.com", "LOCALHOST"):
            self.assert_refused(self.API, host=host)
        self.assert_refused(guard.IDENTITY_PATH, host="example.com")

    def test_headers_that_decide_are_there_once(self):
        for name, value in ((b"Host", b"127.0.0.1:4000"), (b"authorization", b"x"), (b"X-Amz-Target", b"x")):
            twice = scope(self.API, x_amz_target="x", authorization=authorization("execute-api"))
            twice["headers"].append((name, value))
            with self.assertRaisesRegex(guard.Refused, "twice"):
                guard.judge(twice)

    def test_a_web_socket_is_refused(self):
        with self.assertRaises(guard.Refused):
            guard.judge({**scope(self.API), "type": "websocket"})


class SignatureFailure(unittest.TestCase):
    """With the example of AWS's test suite for Signature Version 4 (`get-vanilla`)."""

    SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    VALUE = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    NOW = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.timezone.utc)

    def failure(self, target="/", body=b"", now=NOW, secret=SECRET, value=VALUE, date="20150830T123600Z", **more):
        asked = scope(target, host="example.amazonaws.com", x_amz_date=date, **more)
        headers = {name: text for name, text in asked["headers"]}
        match = guard.AUTHORIZATION.fullmatch(authorization("service", value=value))
        asked = guard.Asked("control", asked, headers, guard.Signature(match))
        failure = guard.signature_failure(asked, body, secret, now)
        return failure and failure[0]

    def test_the_signature_of_aws_s_own_example_is_good(self):
        self.assertIsNone(self.failure())

    def test_another_secret_body_path_query_or_signature_is_not(self):
        for changed in ({"secret": "test"}, {"body": b"x"}, {"target": "/x"}, {"target": "/?a=b"},
                        {"value": "0" * 64}, {"x_amz_content_sha256": "UNSIGNED-PAYLOAD"}):
            self.assertEqual(self.failure(**changed), "SignatureDoesNotMatch", changed)

    def test_a_body_is_held_to_the_hash_that_was_signed(self):
        claimed = hashlib.sha256(b"").hexdigest()
        self.assertIsNone(self.failure(x_amz_content_sha256=claimed))
        self.assertEqual(self.failure(body=b"x", x_amz_content_sha256=claimed), "SignatureDoesNotMatch")

    def test_a_signature_is_good_for_minutes_only(self):
        minutes = datetime.timedelta(minutes=1)
        self.assertIsNone(self.failure(now=self.NOW + 4 * minutes))
        for now in (self.NOW + 6 * minutes, self.NOW - 6 * minutes):
            self.assertEqual(self.failure(now=now), "RequestTimeTooSkewed")
        self.assertEqual(self.failure(date="yesterday"), "IncompleteSignature")
        self.assertEqual(self.failure(date="20150831T123600Z"), "SignatureDoesNotMatch")


class CodeAddresses(unittest.TestCase):
    def test_an_address_is_good_for_its_function_and_for_a_while(self):
        addresses = guard.CodeAddresses("4000", b"key")
        path = addresses.of("000000000000", "us-east-1", "user1-process")[len("http://127.0.0.1:4000"):]
        now = time.time()
        self.assertEqual(addresses.read(path, now), ("000000000000", "us-east-1", "user1-process"))
        self.assertIsNone(addresses.read(path, now + guard.CODE_SECONDS + 5))
        self.assertIsNone(addresses.read(path.replace("user1", "user2"), now))
        self.assertIsNone(guard.CodeAddresses("4000", b"other").read(path, now))
        self.assertIsNone(addresses.read(guard.CODE_PREFIX, now))


if __name__ == "__main__":
    unittest.main()
