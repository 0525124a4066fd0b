import json
import unittest
import unittest.mock

from .support import Cloud, Context, environment, load

GROUP = "/aws/lambda/user1-approvals"


class TaskTimedOut(Exception):
    pass


def run(event, cloud=None, level="INFO"):
    """What the function answers, what it asks of AWS, and what it logs. Its clock moves only by its own sleeps."""
    cloud = cloud or Cloud()
    module = load("approvals")
    now = [0.0]
    clock = unittest.mock.Mock(monotonic=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
    with environment(cloud, ROBOT_LIMIT="100", LOG_LEVEL=level, LOG_GROUP=GROUP) as logs:
        with unittest.mock.patch.object(module, "time", clock):
            try:
                answer = module.lambda_handler(event, Context())
            except Exception as error:
                answer = error
        return answer, cloud.calls, logs()


def question(amount, **event):
    return {"execution": "run-1", "taskToken": "key", "request": {"item": "desk", "amount": amount}, **event}


def logged(at, token, **line):
    line = {"message": "approval needed", "execution": "run-1", "taskToken": token, **line}
    return {"timestamp": at, "message": json.dumps(line)}


def decision(decision, **event):
    return {"execution": "run-1", "decision": decision, **event}


class Ask(unittest.TestCase):
    def test_a_small_amount_is_approved_on_the_spot(self):
        for amount in (1, 99.5, 100):
            answer, calls, logs = run(question(amount))
            self.assertEqual(answer, {"sent": True})
            self.assertEqual(calls, [("send_task_success", {"taskToken": "key", "output": '{"decidedBy": "robot"}'})])
            self.assertEqual((logs[0]["message"], logs[0]["execution"]), ("approved by the robot", "run-1"))
            self.assertNotIn("taskToken", logs[0])

    def test_for_a_large_one_the_token_is_logged_at_every_level(self):
        for level in ("DEBUG", "CRITICAL", "nonsense"):
            answer, calls, (line,) = run(question(100.01), level=level)
            self.assertEqual((answer, calls), ({"sent": False}, []))
            self.assertEqual((line["message"], line["taskToken"], line["item"]), ("approval needed", "key", "desk"))

    def test_an_amount_that_is_no_number_is_refused(self):
        for request in ({"amount": "7"}, {"amount": True}, {"amount": None}, {}, None, "text"):
            answer, calls, logs = run(question(1, request=request))
            self.assertEqual((type(answer).__name__, calls, logs[0]["level"]), ("NotUnderstood", [], "ERROR"))


class Decide(unittest.TestCase):
    def test_each_decision_is_passed_on_by_the_newest_token(self):
        for event, call, passed in (
            (decision("approve", by=" Ada "), "send_task_success", {"output": '{"decidedBy": "Ada"}'}),
            (decision("approve"), "send_task_success", {"output": '{"decidedBy": "a person without a name"}'}),
            (decision("reject", by="Ada", reason="too dear"), "send_task_failure", {"error": "Rejected", "cause": "Ada: too dear"}),
            (decision("heartbeat"), "send_task_heartbeat", {}),
        ):
            with self.subTest(event=event):
                cloud = Cloud(logs=[[logged(2, "newest"), logged(1, "oldest")]])
                answer, calls, logs = run(event, cloud)
                self.assertEqual((answer["sent"], calls[1]), (True, (call, {"taskToken": "newest", **passed})))
                self.assertEqual((logs[0]["message"], logs[0]["execution"]), ("decision sent", "run-1"))
                self.assertNotIn("newest", json.dumps(logs))

    def test_it_looks_for_the_token_of_that_execution_alone(self):
        _, calls, _ = run(decision("approve"), Cloud(logs=[[logged(1, "key")]]))
        pattern = '{ $.message = "approval needed" && $.execution = "run-1" }'
        self.assertEqual(calls[0], ("filter_log_events", {"logGroupName": GROUP, "filterPattern": pattern}))

    def test_other_lines_of_the_log_are_no_tokens(self):
        others = [
            {"timestamp": 9, "message": "END RequestId: 1"},
            {"timestamp": 9, "message": "[]"},
            logged(9, "x", execution="run-10"),
            logged(9, "x", message="decision sent"),
        ]
        _, calls, _ = run(decision("approve"), Cloud(logs=[[*others, logged(1, "key")]]))
        self.assertEqual(calls[1][1]["taskToken"], "key")

    def test_a_token_that_the_log_shows_late_is_waited_for(self):
        answer, calls, _ = run(decision("approve"), Cloud(logs=[[], [], [logged(1, "key")]]))
        self.assertEqual((answer["sent"], len(calls)), (True, 4))

    def test_without_a_token_it_says_so_after_a_while(self):
        for look, looks in ((0, 1), (2, 5), (20, 41)):
            answer, calls, logs = run(decision("approve", lookSeconds=look))
            self.assertEqual((answer["sent"], len(calls)), (False, looks))
            self.assertIn("no question", answer["message"])
            self.assertEqual(logs[0]["message"], "decision not sent")

    def test_an_answer_that_comes_too_late_is_told(self):
        cloud = Cloud(logs=[[logged(1, "key")]], error=TaskTimedOut("no"))
        answer, _, logs = run(decision("approve"), cloud)
        self.assertEqual((answer["sent"], logs[0]["message"]), (False, "decision not sent"))
        self.assertIn("waits no longer", answer["message"])

    def test_another_error_of_aws_is_no_answer(self):
        answer, _, _ = run(decision("approve"), Cloud(logs=[[logged(1, "key")]], error=RuntimeError("AccessDenied")))
        self.assertEqual(str(answer), "AccessDenied")

    def test_what_is_not_understood_is_refused_with_every_problem(self):
        for event, said in (
            (None, "send {"),
            ([], "send {"),
            ({}, "send {"),
            ({"execution": "run-1"}, "send {"),
            (decision("Approve"), "decision must be one of approve, reject, heartbeat, not 'Approve'"),
            (decision(["approve"]), "decision must be one of"),
            (decision("yes", execution=None), "execution must be the name of an execution, not None; decision must"),
            (decision("approve", execution='x" || $.a = "'), "execution must be"),
            (decision("approve", execution="run 1"), "execution must be"),
            (decision("approve", lookSeconds=21), "lookSeconds"),
            (decision("approve", lookSeconds=True), "lookSeconds"),
        ):
            with self.subTest(event=event):
                answer, calls, logs = run(event)
                self.assertEqual((type(answer).__name__, calls), ("NotUnderstood", []))
                self.assertIn(said, str(answer))
                self.assertEqual(logs[0]["reason"], str(answer))


if __name__ == "__main__":
    unittest.main()
