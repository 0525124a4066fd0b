"""Greets."""

import os


def main(event, context):
    """Entry point."""
    return f"{os.environ['GREETING']}, {os.environ['STUDENT']}"
