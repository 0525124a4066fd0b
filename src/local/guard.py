"""What is let through to MiniStack: calls of deployed APIs, and requests that are signed by somebody it knows.

MiniStack is made for tests, where everybody may do everything: it answers web pages of any origin, takes the key
`test` and the account's number for the account's root, and has routes of its own (`/_ministack/reset`) that ask for no
key at all. Loopback keeps out neither the pages that a browser on this machine has open nor the machine's other
users. So nothing reaches MiniStack but

- a call of a deployed API, in the one form that MiniStack takes for nothing else:
  `/_aws/execute-api/{api}/{stage}/{path}`. Web pages may call one, as on AWS;
- a request with a valid signature (Signature Version 4, in the header) of the administrator, whose key is made anew
  for every instance, or of a key that MiniStack's IAM or STS has made: a student's, or a session of a role. What those
  may do, MiniStack decides by their policies.

Everything that could be read in two ways is refused. `judge` and `signature_failure` decide by their arguments alone;
`Gate` puts them in front of MiniStack.
"""

import datetime
import hashlib
import hmac
import json
import os
import re
import time
from urllib.parse import parse_qsl, quote, unquote

IDENTITY_PATH = "/_homeroom/instance"
CODE_PREFIX = "/_homeroom/code/"
# Longest body that is read in order to check a signature: 50 MB of code, base64, and room beside it.
BODY_MAX = 80 * 1024 * 1024
# How far a signature's time may be from now. Source: AWS, "Elements of an AWS API request signature".
WINDOW = datetime.timedelta(minutes=5)
# What asks CloudWatch for values of metrics. MiniStack has none of the services' own, and cannot speak this protocol without a
# package that it does not bring: it would answer bytes that no SDK can read.
METRIC_DATA = "/service/GraniteServiceVersion20100801/operation/GetMetricData"
# An answer without values in CBOR: a map of one member, an empty list.
NO_METRIC_DATA = b"\xa1\x71MetricDataResults\x80"
# A question who this is: 32 bytes that were never used before.
NONCE = re.compile(r"[0-9a-f]{64}", re.ASCII)
# How long the address of a function's code is good. Source: Lambda's API, GetFunction.
CODE_SECONDS = 600

HOST = re.compile(rb"(?:127\.0\.0\.1|localhost)(?::\d{1,5})?")
API = re.compile(r"/_aws/execute-api/[A-Za-z0-9]{1,64}/(?:[A-Za-z0-9_-]{1,128}|\$default)/(.*)", re.DOTALL)
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w{1,128})/(\d{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]{1,2048}), ?Signature=([0-9a-f]{64})",
    re.ASCII,
)
METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
# Headers that decide who asks for what: one of each, or it is not clear what was asked.
ONCE = frozenset(
    b"authorization content-encoding content-length content-type host origin sec-fetch-site transfer-encoding".split()
)
# What asks for another method than the request's own.
OVERRIDES = frozenset((b"x-http-method", b"x-http-method-override", b"x-method-override"))


class Refused(Exception):
    """Why a request is not let through, with the code that AWS would give and the service it was meant for."""

    def __init__(self, message, code="AccessDenied", service=""):
        super().__init__(message)
        self.code = code
        self.service = service


class Asked:
    """A request's head, as it is let through."""

    def __init__(self, kind, scope, headers, signature=None):
        # `identity`, `code`, `api` or `control`.
        self.kind = kind
        self.scope = scope
        self.headers = headers
        self.signature = signature


class Signature:
    """The parts of an `Authorization` header."""

    def __init__(self, match):
        self.key, self.day, self.region, self.service, signed, self.value = match.groups()
        self.headers = signed.split(";")
        self.scope = f"{self.day}/{self.region}/{self.service}/aws4_request"


def judge(scope):
    """What a request asks for, by its head; raises `Refused`."""
    if scope["type"] != "http":
        raise Refused("the embedded cloud has no WebSocket APIs")
    headers = {}
    for name, value in scope["headers"]:
        name = name.lower()
        if name in headers and (name in ONCE or name.startswith(b"x-amz-")):
            raise Refused(f"the header {name.decode('latin-1')} is there twice")
        headers[name] = headers[name] + b"," + value if name in headers else value
    if not HOST.fullmatch(headers.get(b"host", b"")):
        raise Refused("the embedded cloud answers to 127.0.0.1 and localhost only")
    if scope["method"] not in METHODS or OVERRIDES & headers.keys():
        raise Refused("this method is not known here")
    raw_path = scope["raw_path"].decode("latin-1")
    if not raw_path.startswith("/") or unquote(raw_path) != scope["path"]:
        raise Refused("this is no path")
    web = b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none"
    signature = read_authorization(headers)
    query = read_query(scope["query_string"])
    names = {name.lower() for name, _ in query}
    if is_api_call(raw_path):
        if "action" in names or b"x-amz-target" in headers:
            raise Refused("this is a call of an API and names an operation of AWS as well")
        if signature and (web or signature.service != "execute-api"):
            raise Refused("a signed call of an API is signed for execute-api, and comes from no web page")
        kind = "api"
    elif web:
        raise Refused("the embedded cloud's control plane does not answer web pages")
    elif raw_path == IDENTITY_PATH and not signature:
        kind = "identity"
    elif raw_path.startswith(CODE_PREFIX) and not signature:
        kind = "code"
    elif raw_path.startswith("/_") or raw_path.rstrip("/") == "/health":
        raise Refused("the embedded cloud has no such route")
    elif signature is None:
        raise Refused("this request is not signed", "MissingAuthenticationToken")
    else:
        kind = "control"
    if kind != "code" and any(name.startswith("x-amz-") or name == "awsaccesskeyid" for name in names):
        raise Refused("a signature belongs into the header Authorization here, not into the query")
    if signature and signature.service != "s3" and has_odd_segments(raw_path):
        raise Refused("this path can be read in two ways")
    return Asked(kind, scope, headers, signature)


def read_authorization(headers):
    """The signature; None without one. Any other authorization is refused."""
    if b"authorization" not in headers:
        return None
    match = AUTHORIZATION.fullmatch(headers[b"authorization"].decode("latin-1").strip())
    if match is None:
        raise Refused("this Authorization is no signature of Version 4", "IncompleteSignature")
    return Signature(match)


def read_query(raw):
    """The query's parameters in order, as MiniStack takes it apart."""
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeError, ValueError):
        raise Refused("this query cannot be read") from None


def is_api_call(raw_path):
    """Whether a path is that of an API call: an API's id, a stage and a path that has one reading only."""
    match = API.fullmatch(raw_path)
    if match is None:
        return False
    segments = match[1].split("/")
    # An empty one at the end is a slash there.
    if segments[-1] == "":
        segments.pop()
    return all(map(is_plain, segments)) and segments[:1] != ["@connections"]


def is_plain(segment):
    """Whether a path's segment is one to everybody: not empty, no dots, and nothing in it that divides."""
    try:
        text = unquote(segment, errors="strict")
    except UnicodeError:
        return False
    return text not in ("", ".", "..") and not any(c in '/\\;%' or ord(c) < 32 or ord(c) == 127 for c in text)


def has_odd_segments(raw_path):
    """Whether a path has segments that some take away: empty ones, `.` and `..`."""
    return any(unquote(segment) in ("", ".", "..") for segment in raw_path.rstrip("/").split("/")[1:])


def signature_failure(asked, body, secret, now):
    """Why a signature is not good, as AWS's code and words; None when it is."""
    signature, headers = asked.signature, asked.headers
    if "host" not in signature.headers or any(name.encode() not in headers for name in signature.headers):
        return "IncompleteSignature", "'Host' must be a 'SignedHeader', and signed headers must be there."
    stamp = headers.get(b"x-amz-date", b"").decode("latin-1")
    try:
        signed_at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return "IncompleteSignature", "The header X-Amz-Date is needed, in the form 20260102T030405Z."
    if signature.day != stamp[:8]:
        return "SignatureDoesNotMatch", "The date in the credential's scope is another than X-Amz-Date."
    if abs(now - signed_at) > WINDOW:
        return "RequestTimeTooSkewed", f"Signature expired: {stamp} is too far from {now:%Y%m%dT%H%M%SZ}."
    digest = hashlib.sha256(body).hexdigest()
    claimed = headers.get(b"x-amz-content-sha256", digest.encode()).decode("latin-1")
    streamed = signature.service == "s3" and claimed.startswith(("UNSIGNED-PAYLOAD", "STREAMING-"))
    if claimed != digest and not streamed:
        return "SignatureDoesNotMatch", "The body is another than the one that was signed."
    computed = sign(asked, claimed, secret, stamp)
    if not hmac.compare_digest(computed, signature.value):
        return "SignatureDoesNotMatch", (
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method."
        )
    return None


def sign(asked, payload, secret, stamp):
    """The signature that a request should have. Source: AWS, "Create a signed AWS API request"."""
    signature, scope = asked.signature, asked.scope
    path = scope["raw_path"].decode("latin-1")
    if signature.service != "s3":
        path = quote(path, safe="/-_.~")
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~"))
                   for name, value in read_query(scope["query_string"]))
    values = (" ".join(asked.headers[name.encode()].decode("latin-1").split()) for name in signature.headers)
    request = "\n".join((
        scope["method"],
        path,
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{value}" for name, value in zip(signature.headers, values)),
        "",
        ";".join(signature.headers),
        payload,
    ))
    # Header values are bytes: what was read as Latin-1 is signed as it came.
    digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
    key = b"AWS4" + secret.encode()
    for part in signature.scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{signature.scope}\n{digest}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def prove(secret, port, nonce):
    """What only the embedded cloud on this port, or its owner, can answer to a nonce.

    The instance's word stands on the command line, which everybody on the machine can read. The port is part of it, so
    that nobody on another port can pass the question on and give the answer out for their own.
    """
    return hmac.new(secret.encode(), f"homeroom-instance {port} {nonce}".encode(), hashlib.sha256).hexdigest()


class CodeAddresses:
    """Addresses from which a function's code can be fetched for a while, as with S3's presigned ones on AWS."""

    def __init__(self, port, key):
        self.port = port
        self.key = key

    def of(self, account, region, name):
        """The address of a function's code."""
        path = f"{CODE_PREFIX}{account}/{region}/{quote(name, safe='')}/{int(time.time()) + CODE_SECONDS}"
        return f"http://127.0.0.1:{self.port}{path}/{self.seal(path)}"

    def seal(self, path):
        return hmac.new(self.key, path.encode(), hashlib.sha256).hexdigest()

    def read(self, raw_path, now):
        """Whose code a path asks for; None when it is no address of ours, or no longer."""
        path, _, seal = raw_path.rpartition("/")
        if not hmac.compare_digest(seal.encode("latin-1"), self.seal(path).encode()):
            return None
        account, region, name, until = path[len(CODE_PREFIX):].split("/")
        return (account, region, unquote(name)) if now <= int(until) else None


class Cloud:
    """What the guard asks of MiniStack, and changes in it."""

    def __init__(self, administrator, addresses):
        """Takes away every well-known key. `administrator`: the access key of the account's root."""
        from ministack.core import iam_evaluator
        from ministack.services import lambda_svc, sts

        self.evaluator = iam_evaluator
        self.lambdas = lambda_svc

        def is_root_access_key(access_key_id):
            # Without a key come the API calls of everybody, and MiniStack's own calls between its services.
            return not access_key_id or access_key_id == administrator

        def code_url(name):
            return addresses.of(lambda_svc.get_account_id(), lambda_svc.get_region(), name)

        for module, name in (
            (iam_evaluator, "is_root_access_key"),
            (sts, "is_root_access_key"),
            (lambda_svc, "_presigned_code_url"),
        ):
            if not callable(getattr(module, name, None)):
                raise RuntimeError(f"this MiniStack is not the one that homeroom knows: {name} is not in it")
        iam_evaluator.is_root_access_key = sts.is_root_access_key = is_root_access_key
        lambda_svc._presigned_code_url = code_url
        if not iam_evaluator._is_root_key(administrator) or iam_evaluator._is_root_key("test"):
            raise RuntimeError("this MiniStack is not the one that homeroom knows: it decides elsewhere who is root")

    def secret_of(self, key, token):
        """The secret of a key that MiniStack made; raises `Refused` for what is unknown, inactive or expired."""
        found = self.evaluator.resolve_credential(key, None, token)
        if not isinstance(found, self.evaluator.CredentialResolutionError):
            return found.secret_access_key
        if found.code == "InvalidToken" and not token:
            # AWS takes a session's key without its token for unknown.
            found = self.evaluator._unknown_access_key()
        raise Refused(found.message, found.code)

    def refusal(self, refused, asked):
        """A refusal as the service would say it, so that an SDK understands it."""
        from ministack.core.iam_actions import access_denied_response

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.items()}
        return access_denied_response(
            asked.signature.service, "", "", "homeroom-guard", headers=headers, error_code=refused.code,
            message=str(refused),
        )


class Gate:
    """The guard in front of MiniStack, as an ASGI application."""

    def __init__(self, app, cloud, addresses, administrator, instance):
        """`administrator`: access key and secret."""
        self.app = app
        self.cloud = cloud
        self.addresses = addresses
        self.administrator = administrator
        self.instance = instance
        self.in_flight = 0
        self.closing = False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            asked = judge(scope)
        except Refused as refused:
            await refuse(scope, send, refused)
            return
        if asked.kind == "identity":
            await answer(send, 200, self.identity(scope["query_string"]))
            return
        if self.closing:
            await answer(send, 503, b'{"message": "the embedded cloud is stopping"}')
            return
        self.in_flight += 1
        try:
            if asked.kind == "code":
                await self.send_code(scope, send)
                return
            if asked.signature is not None:
                receive = await self.verified(asked, receive, send)
            if receive is not None and scope["raw_path"] == METRIC_DATA.encode():
                headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
                await answer(send, 200, NO_METRIC_DATA, headers)
            elif receive is not None:
                await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def identity(self, query):
        """Who this is, with the proof of it where one is asked for."""
        told = {"instance": self.instance, "pid": os.getpid()}
        nonce = dict(read_query(query)).get("nonce", "")
        if NONCE.fullmatch(nonce):
            told["proof"] = prove(self.administrator[1], self.addresses.port, nonce)
        return json.dumps(told).encode()

    async def send_code(self, scope, send):
        """Answers with a function's code."""
        whose = self.addresses.read(scope["raw_path"].decode("latin-1"), time.time())
        if whose is None or scope["method"] != "GET":
            await answer(send, 403, b'{"message": "this address is not good, or no longer"}')
            return
        account, region, name = whose
        status, headers, body = self.cloud.lambdas.serve_function_code(name, account, region)
        await answer(send, status, body, headers)

    async def verified(self, asked, receive, send):
        """The request's body once more, for MiniStack, when its signature is good; else None, and it is answered."""
        key, secret = self.administrator
        try:
            if asked.signature.key != key:
                token = asked.headers.get(b"x-amz-security-token", b"").decode("latin-1")
                secret = self.cloud.secret_of(asked.signature.key, token)
            body = await read_body(receive)
            failure = signature_failure(asked, body, secret, datetime.datetime.now(datetime.timezone.utc))
            if failure:
                raise Refused(failure[1], failure[0])
        except Refused as refused:
            status, headers, text = self.cloud.refusal(refused, asked)
            await answer(send, status, text, headers)
            return None
        except ConnectionError:
            return None
        read = False

        async def once_more():
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        return once_more


async def read_body(receive):
    """A request's whole body."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_MAX:
            raise Refused(f"the body has more than {BODY_MAX} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


async def refuse(scope, send, refused):
    """Refuses a request, whatever protocol it speaks."""
    if scope["type"] == "http":
        body = json.dumps({"__type": refused.code, "message": str(refused)}).encode()
        await answer(send, 403, body, {"x-amzn-errortype": refused.code})
    else:
        await send({"type": "websocket.close", "code": 1008})


async def answer(send, status, body, headers=None):
    """Sends a whole response; JSON, if the headers do not say otherwise."""
    headers = {"content-type": "application/json", **{name.lower(): text for name, text in (headers or {}).items()}}
    headers["content-length"] = str(len(body))
    pairs = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
