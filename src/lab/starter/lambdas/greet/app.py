"""Greets whoever the event names."""

import os


class NobodyToGreet(Exception):
    """The event names nobody."""


def main(event, context):
    """Entry point."""
    who = event["who"]
    if not who:
        raise NobodyToGreet("the field \"who\" is empty")
    return {"greeting": f"{os.environ['GREETING']}, {who}!"}
