"""Units of functions.py and principals.py. Run by tests/local_cloud.rs; by hand: `python3 -m unittest discover src/local`."""

import os
import sys
import threading
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import functions  # noqa: E402
import principals  # noqa: E402


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
