"""Sends the order on its way: adds up its lines, and makes the number to follow the parcel by.

The workflow sends {"execution": "<name>", "order": {…the order, with its priced lines under "priced"…}}.
"""

import logging
import uuid

from shop import SHIPPING, InvalidOrder, about, log, part

# From this sum on, in cents, standard delivery is free.
FREE_FROM = 5000


def bill(order):
    """The sum of an order with its delivery, or InvalidOrder."""
    if not isinstance(order, dict):
        raise InvalidOrder("the input must be a JSON object with shipping and priced lines")
    shipping = order.get("shipping")
    if not isinstance(shipping, str) or shipping not in SHIPPING:
        raise InvalidOrder(f"shipping must be one of {', '.join(SHIPPING)}, not {shipping!r}")
    priced = order.get("priced")
    if not isinstance(priced, list) or not all(isinstance(line, dict) and "cents" in line for line in priced):
        raise InvalidOrder("priced must be the list of the lines with their cents, as PriceLines makes it")
    goods = sum(line["cents"] for line in priced)
    delivery = 0 if shipping == "standard" and goods >= FREE_FROM else SHIPPING[shipping]
    return shipping, {"goodsCents": goods, "deliveryCents": delivery, "totalCents": goods + delivery}


def lambda_handler(event, context):
    """Entry point."""
    told = about(event, context)
    try:
        shipping, sums = bill(part(event, "order"))
    except InvalidOrder as error:
        log(logging.WARNING, "shipment refused", error=type(error).__name__, reason=str(error), **told)
        raise
    status = "READY_FOR_PICKUP" if shipping == "pickup" else "SHIPPED"
    tracking = uuid.uuid4().hex[:12].upper()
    log(logging.INFO, "order shipped", status=status, tracking=tracking, **sums, **told)
    return {"status": status, "tracking": tracking, **sums}
