"""Hammers the tables of the installed MiniStack from many threads. Run by tests/cloud/local_cloud.rs with the Python of the
installation; `--bare` leaves MiniStack as it is, and then this fails within a second.

As in MiniStack itself, one thread serves requests, and all others do what functions and executions do meanwhile.
Not a part of the embedded cloud.
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

SECONDS = 4.0
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:"
DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
DEFINITION = json.dumps({
    "StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [DONE, DONE, DONE], "End": True}},
})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ALLOW = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


class Wrong(Exception):
    """An answer that nobody should get."""


def main():
    bare = "--bare" in sys.argv
    state = tempfile.mkdtemp()
    os.environ.update(
        PERSIST_STATE="1", STATE_DIR=state, AUTH="true", MINISTACK_ACCOUNT_ID=ACCOUNT, LAMBDA_EXECUTOR="local",
        CLOUDTRAIL_RECORDING="1",
    )
    if not bare:
        import snapshots

        snapshots.install()
    from ministack import app
    from ministack.core import iam_evaluator
    from ministack.core import lambda_runtime
    from ministack.services import apigateway_v1, cloudwatch_logs, iam, lambda_svc, stepfunctions, sts

    if not bare:
        import functions

        functions.install()

    def json_call(service, target, **params):
        answer = asyncio.run(service.handle_request("POST", "/", {"x-amz-target": target}, json.dumps(params).encode(), {}))
        return checked(target, answer)

    def rest_call(service, method, path, **params):
        answer = asyncio.run(service.handle_request(method, path, {}, json.dumps(params).encode(), {}))
        return checked(f"{method} {path}", answer)

    def iam_call(action, **params):
        body = "&".join([f"Action={action}", *(f"{name}={value}" for name, value in params.items())])
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return checked(action, asyncio.run(iam.handle_request("POST", "/", headers, body.encode(), {})))

    def checked(what, answer):
        status, _, body = answer
        if status >= 500:
            raise Wrong(f"{what}: {status} {body[:300]!r}")
        return body

    def sessions(name):
        key = f"ASIA{name}"
        sts.register_session(key, {
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/{name}", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": time.time() + 0.05,
        })
        iam_evaluator.resolve_principal(key, ACCOUNT)

    def roles_of_functions(name):
        config = {"FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}", "Role": ROLE, "FunctionName": name}
        key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        if isinstance(iam_evaluator.resolve_principal(key, ACCOUNT), iam_evaluator.AuthError):
            raise Wrong("the session of a function's role is not known")

    def users(name):
        iam_call("CreateUser", UserName=name)
        iam_call("PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=ALLOW.replace('"', "%22"))
        iam_evaluator._gather_user_policies(name, ACCOUNT)
        iam_call("GetAccountAuthorizationDetails")
        iam_call("DeleteUserPolicy", UserName=name, PolicyName="p")
        iam_call("DeleteUser", UserName=name)

    def logs(name):
        group, stream = {"logGroupName": f"g{name[:1]}"}, {"logStreamName": name}
        json_call(cloudwatch_logs, "Logs_20140328.CreateLogGroup", **group)
        json_call(cloudwatch_logs, "Logs_20140328.CreateLogStream", **group, **stream)
        event = {"timestamp": int(time.time() * 1000), "message": name}
        json_call(cloudwatch_logs, "Logs_20140328.PutLogEvents", **group, **stream, logEvents=[event])
        json_call(cloudwatch_logs, "Logs_20140328.DescribeLogGroups")
        json_call(cloudwatch_logs, "Logs_20140328.FilterLogEvents", **group)
        json_call(cloudwatch_logs, "Logs_20140328.DescribeLogStreams", **group)
        json_call(cloudwatch_logs, "Logs_20140328.DeleteLogStream", **group, **stream)

    def lines_of_functions(name):
        config = {"FunctionName": f"f{name[:1]}", "FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f{name[:1]}"}
        lambda_svc._emit_lambda_logs({"config": config}, name, name, False, 1)
        with written_lock:
            written.setdefault(f"/aws/lambda/f{name[:1]}", set()).add(name)

    def machines(name):
        json_call(stepfunctions, "AWSStepFunctions.CreateStateMachine", name=name, definition=DEFINITION, roleArn=ROLE)
        started = json_call(
            stepfunctions, "AWSStepFunctions.StartExecution", stateMachineArn=MACHINE + name, name=name, input="{}"
        )
        arn = json.loads(started).get("executionArn")
        json_call(stepfunctions, "AWSStepFunctions.ListStateMachines")
        json_call(stepfunctions, "AWSStepFunctions.ListExecutions", stateMachineArn=MACHINE + name)
        json_call(stepfunctions, "AWSStepFunctions.GetExecutionHistory", executionArn=arn)
        json_call(stepfunctions, "AWSStepFunctions.DescribeExecution", executionArn=arn)

    def apis(name):
        api = json.loads(rest_call(apigateway_v1, "POST", "/restapis", name=name))["id"]
        root = json.loads(rest_call(apigateway_v1, "GET", f"/restapis/{api}/resources"))["item"][0]["id"]
        rest_call(apigateway_v1, "POST", f"/restapis/{api}/resources/{root}", pathPart="p")
        rest_call(apigateway_v1, "GET", "/restapis")
        rest_call(apigateway_v1, "DELETE", f"/restapis/{api}")

    def deployed(name):
        lambda_svc._functions[name] = {"config": {"FunctionName": name, "FunctionArn": name, "CodeSha256": ""}, "versions": {}}
        rest_call(lambda_svc, "GET", "/2015-03-31/functions")
        rest_call(lambda_svc, "GET", "/2016-08-19/account-settings")
        lambda_svc._sweep_extract_cache()
        lambda_svc._functions[name]["versions"][name] = {"config": {}}
        lambda_svc._functions.pop(name, None)

    def read(_name):
        json_call(cloudwatch_logs, "Logs_20140328.DescribeLogGroups")
        for group in json.loads(json_call(cloudwatch_logs, "Logs_20140328.DescribeLogGroups"))["logGroups"]:
            json_call(cloudwatch_logs, "Logs_20140328.FilterLogEvents", logGroupName=group["logGroupName"], limit=5)
            json_call(cloudwatch_logs, "Logs_20140328.DescribeLogStreams", logGroupName=group["logGroupName"], limit=5)

    def measured(name):
        lambda_svc._emit_lambda_metrics(name, duration_ms=1.0, error=False, throttle=False)

    def saved(_name):
        app.save_all(app._build_persistence_save_dict())

    class Complaints(logging.Handler):
        def emit(self, record):
            if record.levelno >= logging.ERROR:
                failures.append(f"logged: {record.getMessage()}")

    failures, written, written_lock = [], {}, threading.Lock()
    logging.disable(logging.WARNING)
    logging.getLogger().addHandler(Complaints())
    iam_call("CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST.replace('"', "%22"))
    requests = [users, logs, machines, apis, deployed, read, saved]
    beside = [sessions, roles_of_functions, lines_of_functions, measured]
    done = dict.fromkeys((work.__name__ for work in [*requests, *beside]), 0)
    until = time.monotonic() + SECONDS

    def repeat(pause, *works):
        while time.monotonic() < until and not failures:
            time.sleep(pause)
            for work in works:
                try:
                    work(uuid.uuid4().hex)
                    done[work.__name__] += 1
                except Exception:
                    failures.append(f"{work.__name__}: {traceback.format_exc()}")

    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=repeat, args=(0, *requests))]
    # They leave some of the interpreter to the one that serves.
    threads += [threading.Thread(target=repeat, args=(0.001, work)) for work in beside * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(0.005)
    print("done:", ", ".join(f"{name} {count}" for name, count in done.items()))
    for group, names in written.items():
        streams = cloudwatch_logs._log_groups[group]["streams"].values()
        kept = {event["message"] for stream in streams for event in stream["events"]}
        if names - kept:
            failures.append(f"{group} lost the lines of {len(names - kept)} of {len(names)} executions")
    idle = [name for name, count in done.items() if count == 0]
    if failures or idle:
        print(f"never done: {idle}", *failures[:5], sep="\n", file=sys.stderr)
    # Without waiting for MiniStack's own threads.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if failures or idle else 0)


if __name__ == "__main__":
    main()
