import unittest

from .support import Context, environment, load

MODULES = {name: load("fulfilment", name) for name in ("stock", "payment", "price", "ship")}
ORDER = {
    "customer": "user1",
    "shipping": "standard",
    "payment": "card",
    "lines": [{"sku": "teapot", "quantity": 1}, {"sku": "cup", "quantity": 12}],
}


def run(name, part, content, **env):
    with environment(**env) as logs:
        answer = MODULES[name].lambda_handler({"execution": "run-1", part: content}, Context())
        return answer, logs()


class Fulfilment(unittest.TestCase):
    def refused(self, name, part, content, error):
        """The message of the error with which a function refuses, and the line that it wrote."""
        with environment() as logs:
            with self.assertRaises(Exception) as raised:
                MODULES[name].lambda_handler({"execution": "run-1", part: content}, Context())
            (line,) = logs()
        self.assertEqual(type(raised.exception).__name__, error)
        self.assertEqual((line["error"], line["reason"], line["execution"]), (error, str(raised.exception), "run-1"))
        return str(raised.exception)

    def test_a_good_order_is_reserved_paid_priced_and_shipped(self):
        self.assertEqual(run("stock", "order", ORDER)[0], {"status": "RESERVED", "pieces": 13})
        self.assertEqual(run("payment", "order", ORDER)[0]["status"], "AUTHORIZED")
        priced = [run("price", "line", line)[0] for line in ORDER["lines"]]
        self.assertEqual([line["cents"] for line in priced], [2450, 7020])
        shipped, _ = run("ship", "order", {**ORDER, "priced": priced})
        self.assertEqual((shipped["status"], shipped["totalCents"], shipped["deliveryCents"]), ("SHIPPED", 9470, 0))
        self.assertRegex(shipped["tracking"], r"^[0-9A-F]{12}$")

    def test_every_line_of_the_log_names_its_execution(self):
        for name, part, content in (
            ("stock", "order", ORDER),
            ("payment", "order", ORDER),
            ("price", "line", ORDER["lines"][0]),
            ("ship", "order", {**ORDER, "priced": []}),
        ):
            with self.subTest(name):
                (line,) = run(name, part, content)[1]
                self.assertEqual((line["execution"], line["requestId"]), ("run-1", "request-1"))
                self.assertEqual(run(name, part, content, LOG_LEVEL="ERROR")[1], [])

    def test_what_is_ordered_by_itself_is_accepted(self):
        with environment():
            self.assertEqual(MODULES["stock"].lambda_handler(ORDER, Context())["pieces"], 13)
            self.assertEqual(MODULES["price"].lambda_handler(ORDER["lines"][0], Context())["cents"], 2450)

    def test_more_than_there_is_is_out_of_stock_over_all_lines(self):
        twice = [{"sku": "tray", "quantity": 20}, {"sku": "tray", "quantity": 6}]
        said = self.refused("stock", "order", {**ORDER, "lines": twice}, "OutOfStock")
        self.assertEqual(said, "26 tray ordered, 25 there")
        self.assertEqual(run("stock", "order", {**ORDER, "lines": [twice[0]]})[0]["pieces"], 20)

    def test_a_wrong_order_is_refused_with_every_line_that_is_wrong(self):
        cases = [
            ([], "the input must be"),
            (None, "the input must be"),
            ({}, "lines must be a list"),
            ({"lines": []}, "lines must be a list"),
            ({"lines": [{"sku": "cup", "quantity": 1}] * 41}, "lines must be a list"),
            ({"lines": ["cup"]}, "line 1: must be an object"),
            ({"lines": [{"sku": "Cup", "quantity": 1}, {"sku": "cup", "quantity": 0}]}, "'Cup'; line 2: quantity"),
            ({"lines": [{"sku": ["cup"], "quantity": 1}]}, "sku must be one of"),
            ({"lines": [{"sku": "cup", "quantity": "2"}]}, "quantity must be a whole number from 1 on, not '2'"),
            ({"lines": [{"sku": "cup", "quantity": True}]}, "not True"),
            ({"lines": [{"sku": "cup", "quantity": 1.5}]}, "not 1.5"),
        ]
        for order, reason in cases:
            with self.subTest(order=str(order)[:60]):
                self.assertIn(reason, self.refused("stock", "order", order, "InvalidOrder"))

    def test_payment_is_declined_or_refused_and_says_why(self):
        self.refused("payment", "order", {**ORDER, "payment": "expired-card"}, "PaymentDeclined")
        said = self.refused("payment", "order", {"customer": " ", "payment": "gold"}, "InvalidOrder")
        self.assertEqual(said, "customer is missing or empty; payment must be one of card, invoice, expired-card, not 'gold'")
        self.refused("payment", "order", "text", "InvalidOrder")

    def test_a_rebate_begins_at_ten_pieces_and_stays_whole_cents(self):
        nine, _ = run("price", "line", {"sku": "honey", "quantity": 9})
        ten, _ = run("price", "line", {"sku": "honey", "quantity": 10})
        self.assertEqual((nine["rebateCents"], ten["rebateCents"], ten["cents"]), (0, 720, 6480))
        self.refused("price", "line", {"sku": "gold", "quantity": 1}, "InvalidOrder")

    def test_delivery_costs_what_its_kind_says(self):
        for shipping, goods, delivery, status in (
            ("standard", 4999, 490, "SHIPPED"),
            ("standard", 5000, 0, "SHIPPED"),
            ("express", 5000, 990, "SHIPPED"),
            ("pickup", 100, 0, "READY_FOR_PICKUP"),
        ):
            with self.subTest(shipping=shipping, goods=goods):
                order = {"shipping": shipping, "priced": [{"cents": goods - 1}, {"cents": 1}]}
                shipped, _ = run("ship", "order", order)
                self.assertEqual((shipped["deliveryCents"], shipped["status"]), (delivery, status))
        for order in (None, {"shipping": "drone", "priced": []}, {"shipping": "express"}, {"shipping": "express", "priced": [1]}):
            with self.subTest(order=order):
                self.refused("ship", "order", order, "InvalidOrder")


if __name__ == "__main__":
    unittest.main()
