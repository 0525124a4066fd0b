"""What does one line of an order cost? The workflow's Map state calls this once for each line.

The workflow sends {"execution": "<name>", "number": 0, "line": {"sku": "...", "quantity": 1}}. Prices are whole cents. Ten
pieces or more of one article cost a tenth less.
"""

import logging

from shop import CATALOGUE, InvalidOrder, about, line_problem, log, part

REBATE_FROM = 10


def price(line):
    """A line with its price, or InvalidOrder."""
    problem = line_problem(line)
    if problem:
        raise InvalidOrder(problem)
    sku, quantity = line["sku"], line["quantity"]
    cents = quantity * CATALOGUE[sku][1]
    # Half a cent is the customer's.
    rebate = (cents + 5) // 10 if quantity >= REBATE_FROM else 0
    return {"sku": sku, "quantity": quantity, "rebateCents": rebate, "cents": cents - rebate}


def lambda_handler(event, context):
    """Entry point."""
    told = about(event, context)
    try:
        priced = price(part(event, "line"))
    except InvalidOrder as error:
        log(logging.WARNING, "line refused", error=type(error).__name__, reason=str(error), **told)
        raise
    number = event.get("number") if isinstance(event, dict) else None
    log(logging.INFO, "line priced", number=number, **priced, **told)
    return priced
