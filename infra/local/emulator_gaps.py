"""Evens out, after a deployment, where the emulated AWS differs from the real one."""

import json
from collections.abc import Iterator
from typing import Any

from infra.local.deployment import aws_client
from infra.local.settings import STACK_NAME

# What AWS's permission for one message covers → what the emulator wants for ten.
BATCHED = {
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
}


def mend(endpoint: str) -> None:
    """Make the deployed stack behave as on AWS; does nothing to what already does."""
    _mend_retry_concurrency(aws_client("lambda", endpoint))
    _mend_batch_permissions(aws_client("iam", endpoint), _physical_ids(endpoint, "AWS::IAM::Role"))


def _mend_retry_concurrency(client: Any) -> None:
    """Set each event source's concurrency once more, as a number.

    A template's number arrives as text, and the emulator's queue poller stops at comparing text with a number.
    """
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        limit = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if limit is not None:
            scaling = {"MaximumConcurrency": int(limit)}
            client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)


def _mend_batch_permissions(client: Any, roles: Iterator[str]) -> None:
    """Let whoever may do something to one message of a queue do it to ten at once, in the same queue.

    On AWS `sqs:SendMessage` covers SendMessageBatch, and so with the others
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html);
    the emulator asks for actions of the batches' names, which AWS does not have.
    """
    for role in roles:
        for name in client.list_role_policies(RoleName=role)["PolicyNames"]:
            policy = client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            if batches := list(_batches(policy["Statement"])):
                document = json.dumps({"Version": policy["Version"], "Statement": batches})
                client.put_role_policy(RoleName=role, PolicyName=f"{name}-batches", PolicyDocument=document)


def _batches(statements: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A statement for each that allows some of BATCHED, with the batches' actions instead."""
    for number, statement in enumerate(statements):
        if actions := [BATCHED[action] for action in _listed(statement["Action"]) if action in BATCHED]:
            yield {**statement, "Sid": f"Batches{number}", "Action": actions}


def _physical_ids(endpoint: str, kind: str) -> Iterator[str]:
    resources = aws_client("cloudformation", endpoint).describe_stack_resources(StackName=STACK_NAME)
    for resource in resources["StackResources"]:
        if resource["ResourceType"] == kind:
            yield resource["PhysicalResourceId"]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
