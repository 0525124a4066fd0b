"""Units of snapshots.py. Run by tests/cloud/local_cloud.rs; by hand: `python3 -m unittest discover src/local`.

What they are for is shown on the installed MiniStack by hammer_tables.py.
"""

import collections
import copy
import io
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import snapshots  # noqa: E402


class Compiled(unittest.TestCase):
    """Each source grows the table that it walks, as another thread would."""

    def ran(self, source):
        names = {snapshots.WALK: snapshots.walk, "deque": collections.deque}
        exec(snapshots.compiled(source, "test"), names)
        return names["seen"]

    def test_every_way_of_walking_goes_over_a_snapshot(self):
        grows = "def grow(x):\n    table[len(table)] = x\n    return x\n"
        for walk in (
            "seen = []\nfor key in table:\n    seen.append(grow(key))",
            "seen = []\nfor key, _ in table.items():\n    seen.append(grow(key))",
            "seen = [grow(key) for key in table]",
            "seen = list({grow(key) for key in table.values()})",
            "seen = list({grow(key): 0 for key in table.keys()})",
            "seen = list(grow(key) for key in table)",
            "seen = [key for _, key in enumerate(grow(key) for key in table)]",
            "seen = list(map(grow, table))",
            "seen = [max(table, key=grow)] * 2",
            "seen = [grow(key) for key in iter(table)]",
        ):
            seen = self.ran(f"table = {{0: 0, 1: 1}}\n{grows}{walk}")
            self.assertEqual(len(seen), 2, walk)

    def test_what_is_no_shared_table_is_walked_as_it_is(self):
        self.assertEqual(self.ran("queue = [1]\nseen = []\nfor x in queue:\n    seen.append(x)\n    queue += [2] * (len(seen) < 3)"), [1, 2, 2])
        self.assertEqual(self.ran("seen = [x for x in (y for y in range(2))]"), [0, 1])
        self.assertEqual(self.ran("seen = list(zip(*[[1, 2], [3, 4]]))"), [(1, 3), (2, 4)])
        self.assertEqual(self.ran("table = {1: 2}\nseen = [dict(table), sorted(table), max(3, 4)]"), [{1: 2}, [1], 4])

    def test_a_line_that_fails_is_still_named(self):
        try:
            self.ran("seen = []\nfor key in {1: 1}:\n    raise KeyError(key)")
        except KeyError as error:
            self.assertEqual(error.__traceback__.tb_next.tb_next.tb_lineno, 3)


class Copied(unittest.TestCase):
    def test_a_copy_is_deep_and_knows_itself(self):
        table = {"a": [1], "b": {}}
        table["b"]["self"] = table
        twin = snapshots.copied(table, {})
        twin["a"].append(2)
        self.assertEqual(table["a"], [1])
        self.assertIs(twin["b"]["self"], twin)
        self.assertEqual(copy.deepcopy(table)["a"], [1])


class Dump(unittest.TestCase):
    def test_a_document_is_written_whole_with_what_json_does_not_know(self):
        file = io.StringIO()
        snapshots.dump({"a": b"x"}, file, default=repr)
        self.assertEqual(json.loads(file.getvalue()), {"a": repr(b"x")})


if __name__ == "__main__":
    unittest.main()
