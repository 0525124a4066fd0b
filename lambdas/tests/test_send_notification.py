import unittest

from .support import Context, environment, load

send_notification = load("send_notification")


def run(request):
    with environment() as logs:
        result = send_notification.lambda_handler({"execution": "run-1", "request": request}, Context())
        return result, logs()


GOOD = {"userId": "user1", "dataType": "sales_data", "processing": {"processedRecords": 7}}


class SendNotification(unittest.TestCase):
    def test_email_is_the_default_and_tells_the_count(self):
        result, logs = run(GOOD)
        self.assertEqual((result["status"], result["notificationType"]), ("SENT", "EMAIL"))
        self.assertIn("7 records", result["message"])
        self.assertEqual(logs[0]["notificationId"], result["notificationId"])

    def test_each_kind_is_sent(self):
        for kind in ("EMAIL", "SMS", "PUSH"):
            with self.subTest(kind):
                result, _ = run({**GOOD, "notificationType": kind})
                self.assertEqual(result["notificationType"], kind)

    def test_unknown_kind_and_nobody_to_notify_are_refused(self):
        for request in (
            {**GOOD, "notificationType": "PIGEON"},
            {**GOOD, "notificationType": "email"},
            {**GOOD, "notificationType": ["SMS"]},
            {**GOOD, "userId": ""},
            {},
            "text",
        ):
            with self.subTest(request=request), self.assertRaises(send_notification.InvalidNotification):
                run(request)

    def test_braces_in_a_user_id_are_only_text(self):
        result, _ = run({**GOOD, "userId": "{records}"})
        self.assertIn("Hello {records},", result["message"])


if __name__ == "__main__":
    unittest.main()
