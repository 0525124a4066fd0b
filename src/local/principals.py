"""What MiniStack leaves out of IAM's listing, brought nearer to AWS.

MiniStack 1.5.33 keeps the permissions boundaries of users and roles and enforces them, but GetAccountAuthorizationDetails
does not show them. homeroom goes by that listing, as on AWS, and would set every boundary again on every run.
"""

import re
from xml.sax.saxutils import escape

ACTION = "GetAccountAuthorizationDetails"
# Where a user's or a role's details begin.
HEAD = re.compile(r"<(User|Role)Name>([^<]+)</\1Name><\1Id>")


def install():
    """Wraps the listing of the MiniStack in this process."""
    from ministack.services import iam

    def boundary_of(kind, name):
        entities = iam._users if kind == "User" else iam._roles
        return (entities.get(name) or {}).get("PermissionsBoundary")

    iam._IAM_HANDLERS[ACTION] = with_boundaries(iam._IAM_HANDLERS[ACTION], boundary_of)


def with_boundaries(listing, boundary_of):
    """Wraps a listing so that it shows each boundary that `boundary_of(kind, name)` knows."""

    def shown(match):
        arn = boundary_of(match[1], match[2])
        if not arn:
            return match[0]
        return (
            "<PermissionsBoundary><PermissionsBoundaryType>PermissionsBoundaryPolicy</PermissionsBoundaryType>"
            f"<PermissionsBoundaryArn>{escape(arn)}</PermissionsBoundaryArn></PermissionsBoundary>{match[0]}"
        )

    def list_and_show(params):
        status, headers, body = listing(params)
        return status, headers, HEAD.sub(shown, body.decode()).encode()

    return list_and_show
