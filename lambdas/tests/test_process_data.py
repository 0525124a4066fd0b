import unittest

from .support import Context, environment, load

process_data = load("process_data")


class Luck:
    """Chance that always rolls the same."""

    def __init__(self, roll):
        self.roll = roll

    def random(self):
        return self.roll

    def randint(self, low, high):
        return low


def run(request, roll=0.5, **env):
    with environment(**env) as logs:
        result = process_data.lambda_handler({"execution": "run-1", "request": request}, Context(), Luck(roll))
        return result, logs()


GOOD = {"userId": "user1", "dataType": "sales_data"}


class ProcessData(unittest.TestCase):
    def test_good_request_is_processed_and_logged_as_json(self):
        result, logs = run(GOOD, SUCCESS_RATE="1")
        self.assertEqual(result["status"], "COMPLETED")
        self.assertEqual(result["processedRecords"], 500)
        self.assertGreaterEqual(result["durationMs"], 0)
        self.assertEqual([line["message"] for line in logs], ["processing started", "processing completed"])
        self.assertEqual({line["execution"] for line in logs}, {"run-1"})

    def test_every_data_type_of_the_lab_is_known(self):
        for data_type in ("sales_data", "customer_data", "inventory_data", "analytics_data"):
            with self.subTest(data_type):
                result, _ = run({"userId": "u", "dataType": data_type, "successRate": 1})
                self.assertEqual(result["dataType"], data_type)

    def test_request_by_itself_is_accepted(self):
        with environment(SUCCESS_RATE="1"):
            result = process_data.lambda_handler(GOOD, Context())
        self.assertEqual(result["userId"], "user1")

    def test_wrong_requests_are_not_retryable_and_say_why(self):
        wrong = [
            ({"userId": "", "dataType": ""}, "userId is missing or empty; dataType must be one of"),
            ({"userId": "  ", "dataType": "sales_data"}, "userId is missing or empty"),
            ({"userId": "u", "dataType": "weather"}, "'weather'"),
            ({"userId": "u", "dataType": ["sales_data"]}, "dataType must be one of"),
            ({"dataType": "sales_data"}, "userId"),
            ({}, "userId"),
            ([], "JSON object"),
            (None, "JSON object"),
            ({**GOOD, "successRate": 2}, "successRate"),
            ({**GOOD, "successRate": True}, "successRate"),
            ({**GOOD, "successRate": "often"}, "successRate"),
        ]
        for request, reason in wrong:
            with self.subTest(request=request), self.assertRaisesRegex(process_data.InvalidRequest, reason):
                run(request)

    def test_miss_raises_the_error_that_the_workflow_retries(self):
        with self.assertRaises(process_data.TransientProcessingError):
            run(GOOD, roll=0.8, SUCCESS_RATE="0.8")
        result, _ = run(GOOD, roll=0.79, SUCCESS_RATE="0.8")
        self.assertEqual(result["status"], "COMPLETED")

    def test_rate_of_the_request_wins(self):
        with self.assertRaises(process_data.TransientProcessingError):
            run({**GOOD, "successRate": 0}, roll=0.0, SUCCESS_RATE="1")
        result, _ = run({**GOOD, "successRate": 1}, roll=0.999, SUCCESS_RATE="0")
        self.assertEqual(result["status"], "COMPLETED")

    def test_rate_that_is_no_number_is_refused(self):
        for rate in ("", "nan", "7", "high"):
            with self.subTest(rate), self.assertRaisesRegex(process_data.InvalidRequest, "SUCCESS_RATE"):
                run(GOOD, SUCCESS_RATE=rate)

    def test_log_level_silences_what_is_below_it(self):
        _, logs = run(GOOD, SUCCESS_RATE="1", LOG_LEVEL="WARNING")
        self.assertEqual(logs, [])


if __name__ == "__main__":
    unittest.main()
