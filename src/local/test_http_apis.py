"""Run by `cargo test` with any Python: MiniStack itself is not needed."""

import json
import unittest

import http_apis


class QuickCreate(unittest.TestCase):
    def create(self, data, status=201):
        made = []

        def part(name):
            def create(api, data):
                made.append((name, api, data))
                return 201, {}, json.dumps({"integrationId": "i1"}).encode()

            return create

        def create_api(data):
            return status, {}, json.dumps({"apiId": "a1"}).encode()

        wrapped = http_apis.with_quick_create(create_api, part("integration"), part("route"), part("stage"))
        return wrapped(data), made

    def test_a_target_makes_integration_route_and_stage(self):
        answer, made = self.create({"target": "arn:f", "routeKey": "POST /process"})
        self.assertEqual(json.loads(answer[2]), {"apiId": "a1"})
        self.assertEqual([name for name, *_ in made], ["integration", "route", "stage"])
        self.assertEqual(made[0][2]["integrationUri"], "arn:f")
        self.assertEqual(made[1][2], {"routeKey": "POST /process", "target": "integrations/i1"})
        self.assertEqual(made[2][2], {"stageName": "$default", "autoDeploy": True})

    def test_without_a_target_or_an_api_nothing_more_is_made(self):
        self.assertEqual(self.create({"name": "n"})[1], [])
        self.assertEqual(self.create({"target": "arn:f"}, status=409)[1], [])


if __name__ == "__main__":
    unittest.main()
