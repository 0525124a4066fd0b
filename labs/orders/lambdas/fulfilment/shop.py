"""What the four functions of the workflow share: the catalogue, the log, and what an order must look like.

All four come from this folder; each has a handler of its own. Nothing here is real: no money, no goods.
"""

import json
import logging
import os

# What the shop sells: pieces in stock, and the price of one in cents.
CATALOGUE = {
    "teapot": (40, 2450),
    "cup": (300, 650),
    "saucer": (300, 350),
    "spoon": (500, 220),
    "green-tea": (120, 890),
    "black-tea": (120, 790),
    "biscuits": (80, 450),
    "honey": (60, 720),
    "tray": (25, 1850),
    "candle": (200, 300),
}
# How an order can be delivered, and what that costs in cents.
SHIPPING = {"standard": 490, "express": 990, "pickup": 0}
LINES_MAX = 40


class InvalidOrder(Exception):
    """The order is wrong; trying again does not help."""


def log(level, message, **fields):
    """Writes one JSON line, if LOG_LEVEL lets the level through."""
    threshold = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    if not isinstance(threshold, int) or level >= threshold:
        print(json.dumps({"level": logging.getLevelName(level), "message": message, **fields}), flush=True)


def about(event, context):
    """What every line of the log says: which execution it belongs to, and which call of the function."""
    execution = event.get("execution") if isinstance(event, dict) else None
    return {"execution": execution, "requestId": getattr(context, "aws_request_id", None)}


def part(event, name):
    """What the workflow sends beside the execution's name. For a test in the console it may be sent by itself."""
    return event[name] if isinstance(event, dict) and name in event else event


def line_problem(line):
    """What is wrong with one line of an order; None if nothing is."""
    if not isinstance(line, dict):
        return "must be an object with sku and quantity"
    sku, quantity = line.get("sku"), line.get("quantity")
    if not isinstance(sku, str) or sku not in CATALOGUE:
        return f"sku must be one of {', '.join(CATALOGUE)}, not {sku!r}"
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        return f"quantity must be a whole number from 1 on, not {quantity!r}"
    return None


def lines_of(order):
    """The lines of an order, or InvalidOrder with every problem of them."""
    if not isinstance(order, dict):
        raise InvalidOrder("the input must be a JSON object with customer, shipping, payment and lines")
    lines = order.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= LINES_MAX:
        raise InvalidOrder(f"lines must be a list of 1 to {LINES_MAX} lines, each with sku and quantity")
    found = [(number, line_problem(line)) for number, line in enumerate(lines, start=1)]
    problems = [f"line {number}: {problem}" for number, problem in found if problem]
    if problems:
        raise InvalidOrder("; ".join(problems))
    return lines
