"""How MiniStack makes HTTP APIs, brought nearer to AWS.

MiniStack 1.5.33 takes no notice of CreateApi's `target` and `routeKey`. On AWS that call makes an integration, a route and a
stage as well ("quick create"), and homeroom makes HTTP APIs by that one call.
"""

import json

# The stage that AWS makes. It deploys every change by itself.
STAGE = "$default"


def install():
    """Wraps CreateApi of the MiniStack in this process."""
    from ministack.services import apigateway

    parts = (apigateway._create_integration, apigateway._create_route, apigateway._create_stage)
    apigateway._create_api = with_quick_create(apigateway._create_api, *parts)


def with_quick_create(create_api, create_integration, create_route, create_stage):
    """Wraps a CreateApi so that with a target it makes the API's parts."""

    def made(answer):
        status, _, body = answer
        if status != 201:
            raise RuntimeError(f"this MiniStack is not the one that homeroom knows: it answers {status}")
        return json.loads(body)

    def create(data):
        answer = create_api(data)
        if answer[0] != 201 or not data.get("target"):
            return answer
        api = made(answer)["apiId"]
        integration = made(create_integration(api, {
            "integrationType": "AWS_PROXY",
            "integrationUri": data["target"],
            "payloadFormatVersion": "2.0",
        }))
        made(create_route(api, {
            "routeKey": data.get("routeKey") or STAGE,
            "target": f"integrations/{integration['integrationId']}",
        }))
        made(create_stage(api, {"stageName": STAGE, "autoDeploy": True}))
        return answer

    return create
