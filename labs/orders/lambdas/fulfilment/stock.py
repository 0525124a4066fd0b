"""Are there enough pieces of everything that was ordered? One branch of the workflow's Parallel state.

The workflow sends {"execution": "<name>", "order": {…}}. An order of more than there is raises OutOfStock, an order that
makes no sense raises InvalidOrder; the workflow tries neither again.
"""

import logging

from shop import CATALOGUE, InvalidOrder, about, lines_of, log, part


class OutOfStock(Exception):
    """There are not enough pieces; trying again does not help."""


def wanted(lines):
    """How many pieces of each article all lines together want."""
    pieces = {}
    for line in lines:
        pieces[line["sku"]] = pieces.get(line["sku"], 0) + line["quantity"]
    return pieces


def lambda_handler(event, context):
    """Entry point."""
    told = about(event, context)
    try:
        pieces = wanted(lines_of(part(event, "order")))
        short = [f"{n} {sku} ordered, {CATALOGUE[sku][0]} there" for sku, n in pieces.items() if n > CATALOGUE[sku][0]]
        if short:
            raise OutOfStock("; ".join(short))
    except (InvalidOrder, OutOfStock) as error:
        log(logging.WARNING, "stock refused", error=type(error).__name__, reason=str(error), **told)
        raise
    log(logging.INFO, "stock reserved", pieces=sum(pieces.values()), **told)
    return {"status": "RESERVED", "pieces": sum(pieces.values())}
