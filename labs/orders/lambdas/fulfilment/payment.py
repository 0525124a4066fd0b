"""Will the customer pay? The other branch of the workflow's Parallel state.

The workflow sends {"execution": "<name>", "order": {…}}. Who pays by "expired-card" is declined: PaymentDeclined. Another
way to pay than the three raises InvalidOrder; the workflow tries neither again.
"""

import logging
import uuid

from shop import InvalidOrder, about, log, part

PAYMENTS = ("card", "invoice", "expired-card")


class PaymentDeclined(Exception):
    """The bank says no; trying again does not help."""


def payment_of(order):
    """How the customer wants to pay, or InvalidOrder with every problem."""
    if not isinstance(order, dict):
        raise InvalidOrder("the input must be a JSON object with customer, shipping, payment and lines")
    problems = []
    customer, payment = order.get("customer"), order.get("payment")
    if not isinstance(customer, str) or not customer.strip():
        problems.append("customer is missing or empty")
    if not isinstance(payment, str) or payment not in PAYMENTS:
        problems.append(f"payment must be one of {', '.join(PAYMENTS)}, not {payment!r}")
    if problems:
        raise InvalidOrder("; ".join(problems))
    return payment


def lambda_handler(event, context):
    """Entry point."""
    told = about(event, context)
    try:
        payment = payment_of(part(event, "order"))
        if payment == "expired-card":
            raise PaymentDeclined("the card has expired; the bank declined the payment")
    except (InvalidOrder, PaymentDeclined) as error:
        log(logging.WARNING, "payment refused", error=type(error).__name__, reason=str(error), **told)
        raise
    reference = str(uuid.uuid4())
    log(logging.INFO, "payment authorized", payment=payment, reference=reference, **told)
    return {"status": "AUTHORIZED", "payment": payment, "reference": reference}
