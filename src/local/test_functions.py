"""Units of functions.py, principals.py and workflows.py. Run by tests/cloud/local_cloud.rs; by hand:
`python3 -m unittest discover src/local`."""

import os
import queue
import sys
import threading
import time
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import functions  # noqa: E402
import principals  # noqa: E402
import workflows  # noqa: E402


def worker(last_used, in_use=False):
    return types.SimpleNamespace(last_used=last_used, in_use=in_use)


class TakeSurplus(unittest.TestCase):
    def runtime(self, **pools):
        return types.SimpleNamespace(_lock=threading.Lock(), _workers=pools)

    def test_nothing_is_taken_within_the_limit(self):
        runtime = self.runtime(a=[worker(1)], b=[worker(2)])
        self.assertEqual(functions.take_surplus(runtime, 2), [])
        self.assertEqual([len(pool) for pool in runtime._workers.values()], [1, 1])

    def test_the_longest_idle_go_first_and_leave_their_pool(self):
        old, older, new = worker(2), worker(1), worker(3)
        runtime = self.runtime(a=[old, new], b=[older])
        self.assertEqual(functions.take_surplus(runtime, 1), [older, old])
        self.assertEqual(runtime._workers, {"a": [new], "b": []})

    def test_a_worker_that_is_busy_is_never_taken(self):
        busy, idle = worker(1, in_use=True), worker(2)
        runtime = self.runtime(a=[busy], b=[idle])
        self.assertEqual(functions.take_surplus(runtime, 0), [idle])


class ToldByName(unittest.TestCase):
    def test_a_result_passes_untouched(self):
        outcome = {"body": {"status": "SUCCESS"}, "log": "done"}
        self.assertIs(functions.told_by_name(lambda *_: outcome)({}, {}, "id"), outcome)

    def test_an_exception_becomes_the_error_object_of_aws_and_a_log_entry(self):
        raised = {"errorType": "DataBusy", "errorMessage": "later", "stackTrace": ["  File x\n"]}
        outcome = {"body": {functions.RAISED: raised}, "log": "began"}
        told = functions.told_by_name(lambda *_: outcome)({}, {}, "id")
        self.assertTrue(told["error"])
        self.assertEqual(told["body"], {**raised, "requestId": "id"})
        self.assertEqual(told["log"], "began\n[ERROR] DataBusy: later\nTraceback (most recent call last):\n  File x")


class CodeThatCannotBeLoaded(unittest.TestCase):
    def told(self, code, handler="handler"):
        preamble = {}
        exec(functions.PREAMBLE, preamble)
        try:
            module = types.ModuleType("f")
            exec(compile(code, "f.py", "exec"), module.__dict__)
            getattr(module, handler)
        except Exception as error:
            # As the worker's script calls it, whose own frame comes first.
            failing = preamble["_homeroom_not_begun"](error, "f", handler)
        try:
            failing({}, None)
        except Exception as error:
            return preamble["_homeroom_raised"](error)

    def test_it_is_told_by_the_codes_of_awss_runtime(self):
        syntax = self.told("def handler(:\n")
        self.assertEqual(syntax["errorType"], "Runtime.UserCodeSyntaxError")
        self.assertIn("Syntax error in module 'f': ", syntax["errorMessage"])
        self.assertEqual(self.told("import nothing_of_this_name")["errorType"], "Runtime.ImportModuleError")
        self.assertEqual(self.told("x = 1")["errorType"], "Runtime.HandlerNotFound")

    def test_what_loading_it_raises_keeps_its_own_name(self):
        self.assertEqual(self.told("1 / 0")["errorType"], "ZeroDivisionError")
        self.assertEqual(self.told("import os\nos.nothing")["errorType"], "AttributeError")


class ToldToTheEnd(unittest.TestCase):
    def lines(self, *written, ended=False, runtime="python3.12"):
        lines = queue.Queue()
        for line in written:
            lines.put(line)
        thread = types.SimpleNamespace(is_alive=lambda: not ended)
        told = types.SimpleNamespace(config={"Runtime": runtime}, _stderr_thread=thread, _stderr_queue=lines)
        drained = functions.told_to_the_end(lambda *_: "as before")(told)
        return drained, lines.qsize()

    def test_lines_are_told_until_the_end_of_the_execution_and_no_further(self):
        self.assertEqual(self.lines("one", "", "two", functions.END_OF_LOG, "the next one's"), ("one\n\ntwo", 1))
        self.assertEqual(self.lines("no line break" + functions.END_OF_LOG), ("no line break", 0))
        self.assertEqual(self.lines(functions.END_OF_LOG), ("", 0))

    def test_a_process_that_died_is_not_waited_for(self):
        self.assertEqual(self.lines("last words", ended=True), ("last words", 0))

    def test_other_runtimes_are_left_alone(self):
        self.assertEqual(self.lines("x", runtime="nodejs20.x"), ("as before", 1))


class CredentialsOfRole(unittest.TestCase):
    CONFIG = {"FunctionArn": "arn:f", "Role": "arn:aws:iam::1:role/path/r", "FunctionName": "f"}

    def credentials(self, key, sessions):
        return functions.credentials_of_role(key, lambda config: ("1", "r"), sessions.__setitem__)(self.CONFIG)

    def test_a_function_has_the_session_of_its_role(self):
        sessions = {}
        told = self.credentials(b"key", sessions)
        session = sessions[told["AWS_ACCESS_KEY_ID"]]
        self.assertEqual(session["Arn"], "arn:aws:sts::1:assumed-role/r/f")
        self.assertEqual(session["SecretAccessKey"], told["AWS_SECRET_ACCESS_KEY"])
        self.assertEqual(self.credentials(b"key", sessions), told)

    def test_its_secret_cannot_be_made_from_its_names(self):
        one, other = self.credentials(b"key", {}), self.credentials(b"another", {})
        self.assertFalse(set(one.values()) & set(other.values()))


class OneAtATime(unittest.TestCase):
    def test_no_two_run_at_once(self):
        running, most = [], []

        def work():
            running.append(1)
            most.append(len(running))
            time.sleep(0.001)
            running.pop()

        module = types.SimpleNamespace(work=work)
        functions.one_at_a_time(module, "work")
        threads = [threading.Thread(target=module.work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(most, [1] * 8)


class ToldWhenItFails(unittest.TestCase):
    def ran(self, run):
        events = []
        told = workflows.told(run, "MapStateFailed", lambda execution, event: events.append((execution, event)))
        try:
            return told("state", "input", "execution", "context"), events
        except ValueError:
            return None, events

    def test_a_failure_is_an_event_and_stays_a_failure(self):
        def fails(state_def, raw_input, execution, ctx):
            raise ValueError(state_def)

        self.assertEqual(self.ran(fails), (None, [("execution", "MapStateFailed")]))

    def test_a_success_is_passed_on_as_it_is(self):
        self.assertEqual(self.ran(lambda *given: given), (("state", "input", "execution", "context"), []))


class WithBoundaries(unittest.TestCase):
    LISTING = "<UserName>ann</UserName><UserId>1</UserId><RoleName>ann</RoleName><RoleId>2</RoleId>"

    def listed(self, boundaries):
        listing = principals.with_boundaries(
            lambda params: (200, {}, self.LISTING.encode()), lambda kind, name: boundaries.get((kind, name))
        )
        status, _, body = listing({})
        self.assertEqual(status, 200)
        return body.decode()

    def test_a_boundary_stands_beside_the_user_or_the_role_that_has_it(self):
        body = self.listed({("User", "ann"): "arn:a&b"})
        user, role = body.split("<RoleName>")
        self.assertIn("<PermissionsBoundaryArn>arn:a&amp;b</PermissionsBoundaryArn>", user)
        self.assertNotIn("PermissionsBoundary", role)

    def test_without_boundaries_the_listing_is_as_it_was(self):
        self.assertEqual(self.listed({}), self.LISTING)


if __name__ == "__main__":
    unittest.main()
