"""The stack itself: complete, current, on time, with readable secrets, and answering at its address."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from infra.cli.checks import aws_alarms, aws_queues
from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import ANSWER_SECONDS, Patient
from infra.cli.faults import CommandFailed
from infra.cli.vendors.web import call

AWS = Words("aws")
FUNCTIONS = (
    *("WebhookFunctionName", "RetryFunctionName", "RotationFunctionName", "ReconcileFunctionName"),
    "ConversionsFunctionName",
)
SECRETS = (
    *("WebhookTokenSecretArn", "ContactsSecretArn", "PinterestKeysSecretArn", "PinterestAppSecretArn"),
    *("FacebookSecretArn", "LeadConnectorSecretArn"),
)
OUTPUTS = (
    *("WebhookBaseUrl", "FailedLeadsQueueUrl", "DeadLetterQueueUrl", "ReconcileQueueUrl", "LedgerTableName"),
    *("ConversionsQueueUrl", "ConversionsDeadLetterQueueUrl"),
    *(*FUNCTIONS, *SECRETS),
)
ALIAS = "live"
# AWS refuses a signed request at five minutes; a token that seems fresh is not, long before.
MOST_SKEW = 60.0
# Secret that rotates → hours after which it should have done so, several turns of its schedule in the template.
_ROTATED = {"ContactsSecretArn": 24, "PinterestAppSecretArn": 72}


def checks(patient: Patient) -> list[Check]:
    return [
        AWS.check("stack", _stack, patient),
        *(AWS.check(name, _function, patient, name) for name in FUNCTIONS),
        *aws_queues.checks(patient),
        AWS.check("ledger", _ledger, patient),
        *(AWS.check(name, _secret, patient, name) for name in SECRETS),
        AWS.check("rotation", _rotation, patient),
        AWS.check("reconcile", _schedule, patient),
        *aws_alarms.checks(patient),
        AWS.check("clock", _clock, patient),
        AWS.check("webhook", _webhook, patient),
    ]


def _stack(patient: Patient) -> Iterator[Finding]:
    place = patient.place
    missing = [name for name in OUTPUTS if not place.outputs.get(name)]
    if missing:
        yield AWS.fault("outputs", f"The stack has no output {', '.join(missing)}: it is an older one.", "make deploy")
        return
    [stack] = patient.client("cloudformation").describe_stacks(StackName=place.stack_name)["Stacks"]
    status = stack["StackStatus"]
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield AWS.ok("stack", f"{status}, with all its outputs.")
    elif status.endswith("_IN_PROGRESS"):
        yield AWS.warning("stack", f"It is being changed at the moment ({status}).", patient.command("doctor"))
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        yield AWS.warning(
            "stack", "The last deployment failed and was taken back; the one before it runs.", "make deploy"
        )
    else:
        yield AWS.fault("stack", f"The stack is {status}.", "make deploy")


def _function(patient: Patient, output: str) -> Iterator[Finding]:
    name = output.removesuffix("Name")
    function = patient.place.output(output)
    client = patient.client("lambda")
    try:
        alias = client.get_alias(FunctionName=function, Name=ALIAS)
    except client.exceptions.ResourceNotFoundException:
        yield AWS.fault(name, f"It has no alias `{ALIAS}`, which is what everything calls.", "make deploy")
        return
    faults = []
    for what, configuration in (
        ("The function", client.get_function_configuration(FunctionName=function)),
        (
            f"Version {alias['FunctionVersion']}",
            client.get_function_configuration(FunctionName=function, Qualifier=ALIAS),
        ),
    ):
        state, update = configuration.get("State", "Active"), configuration.get("LastUpdateStatus", "Successful")
        if state not in ("Active", "Inactive") or update == "Failed":
            why = configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "no reason given"
            faults.append(f"{what} is {state}, its last update {update} ({why}).")
    if faults:
        yield AWS.fault(name, " ".join(faults), "make deploy")
    else:
        yield AWS.ok(name, f"Version {alias['FunctionVersion']} is ready.")


def _ledger(patient: Patient) -> Iterator[Finding]:
    table, client = patient.place.output("LedgerTableName"), patient.client("dynamodb")
    status = client.describe_table(TableName=table)["Table"]["TableStatus"]
    if status not in ("ACTIVE", "UPDATING"):
        yield AWS.fault("ledger", f"The ledger table is {status}: no lead can be remembered.", "make deploy")
        return
    if patient.place.is_local:
        yield AWS.ok("ledger", "The table is active; the local stack's AWS forgets everything with its end.")
        return
    life = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if life.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        command = (
            f"aws dynamodb update-time-to-live --table-name {table} "
            "--time-to-live-specification Enabled=true,AttributeName=expires_at"
        )
        yield AWS.warning("ledger", "The ledger table forgets nothing: its time to live is off.", command)
    else:
        yield AWS.ok("ledger", "The table is active and forgets leads in their time.")


def _secret(patient: Patient, output: str) -> Iterator[Finding]:
    """Whether it is there and a JSON object; what is in it, its own system looks at."""
    name, arn = output.removesuffix("Arn"), patient.place.output(output)
    client = patient.client("secretsmanager")
    # To ask for its value does not tell: AWS says the same of a secret without one and of none.
    try:
        about = client.describe_secret(SecretId=arn)
    except client.exceptions.ResourceNotFoundException:
        sentence = f"The secret {arn} is gone: whatever needs it fails."
        yield AWS.fault(name, sentence, "Nothing brings it back: make deploy with another stack name, then init there")
        return
    if about.get("DeletedDate"):
        command = f"aws secretsmanager restore-secret --secret-id {arn} --region {patient.place.region}"
        yield AWS.fault(name, "It is about to be deleted, and cannot be read.", command)
        return
    try:
        value = patient.secret(output)
    except CommandFailed as failed:
        yield AWS.fault(
            name, str(failed), f"aws secretsmanager get-secret-value --secret-id {arn} --query SecretString"
        )
        return
    if output != "WebhookTokenSecretArn":
        yield AWS.ok(name, "It can be read." if value else "It can be read, and holds nothing yet.")
    elif isinstance(value.get("token"), str) and value["token"]:
        yield AWS.ok(name, "It can be read and holds the webhooks' token.")
    else:
        command = f"aws secretsmanager put-secret-value --secret-id {arn} --secret-string file://token.json"
        sentence = 'It holds no "token", so every webhook is answered 404. Store {"token": "<long random text>"}.'
        yield AWS.fault(name, sentence, command)


def _rotation(patient: Patient) -> Iterator[Finding]:
    if patient.place.is_local:
        yield AWS.skipped("rotation", "The local stack's AWS rotates no secrets.")
        return
    client = patient.client("secretsmanager")
    for output, most_hours in _ROTATED.items():
        name = f"rotation of {output.removesuffix('Arn')}"
        secret = client.describe_secret(SecretId=patient.place.output(output))
        last = secret.get("LastRotatedDate") or secret.get("CreatedDate") or datetime.now(UTC)
        if not secret.get("RotationEnabled"):
            yield AWS.fault(name, "The rotation is off: OAuth tokens will expire.", "make deploy")
        elif (datetime.now(UTC) - last).total_seconds() > most_hours * 3600:
            sentence = f"The last rotation that succeeded was {_ago(last)}."
            yield AWS.warning(name, sentence, patient.log_command("RotationLogGroup"))
        else:
            yield AWS.ok(name, f"It is on, and ran {_ago(last)}.")


def _schedule(patient: Patient) -> Iterator[Finding]:
    rules = [name for logical, name in patient.resources("AWS::Events::Rule").items() if "Reconcile" in logical]
    if not rules:
        yield AWS.fault("reconcile", "The stack has no schedule for reconcile.", "make deploy")
        return
    rule = patient.client("events").describe_rule(Name=rules[0])
    if rule.get("State") == "ENABLED":
        yield AWS.ok("reconcile", f"It looks for leads that never arrived at {rule.get('ScheduleExpression')}.")
    elif patient.place.is_local:
        yield AWS.skipped("reconcile", "The local stack has no schedule.", patient.command("reconcile"))
    else:
        sentence = "Its schedule is off: nobody looks for leads that never arrived."
        yield AWS.warning("reconcile", sentence, "Set ReconcileSchedule in samconfig.local.toml, then: make deploy")


def _clock(patient: Patient) -> Iterator[Finding]:
    client = patient.client("sqs")
    before = time.time()
    answer = client.get_queue_attributes(
        QueueUrl=patient.place.output("DeadLetterQueueUrl"), AttributeNames=["QueueArn"]
    )
    after = time.time()
    text = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
    try:
        theirs = parsedate_to_datetime(text).timestamp()
    except ValueError:
        yield AWS.skipped("clock", "AWS's answer has no date to compare this machine's clock with.")
        return
    # The date has whole seconds, and was written at some moment between the two.
    skew = max(before - theirs - 1, theirs - after, 0.0)
    if skew > MOST_SKEW:
        yield AWS.fault("clock", f"This machine's clock is {skew:.0f} s off AWS's.", "sudo timedatectl set-ntp true")
    else:
        yield AWS.ok("clock", "This machine's clock agrees with AWS's.")


def _webhook(patient: Patient) -> Iterator[Finding | Check]:
    yield AWS.check("webhook", _takes_deliveries, patient)
    yield AWS.check("webhook token", _refuses_strangers, patient)


def _takes_deliveries(patient: Patient) -> Iterator[Finding]:
    """A delivery of no leads, which is taken like any other and leaves nothing behind."""
    status = _posted(patient.place.webhook_url("pinterest"))
    if status == 200:
        yield AWS.ok("webhook", "It takes deliveries.")
    elif status == 404:
        sentence = "It answers 404 to its own address: the functions know another token than the secret holds."
        fix = f"Wait five minutes, until they have read it anew; then: {patient.log_command('WebhookLogGroup')}"
        yield AWS.fault("webhook", sentence, fix)
    else:
        sentence = f"It answers {status} to a delivery without leads."
        yield AWS.fault("webhook", sentence, patient.log_command("WebhookLogGroup"))


def _refuses_strangers(patient: Patient) -> Iterator[Finding]:
    address, _, _ = patient.place.webhook_url("pinterest").rpartition("/")
    status = _posted(f"{address}/not-the-token")
    if status == 404:
        yield AWS.ok("webhook token", "An address with a wrong token is answered 404.")
    else:
        sentence = f"An address with a wrong token is answered {status} instead of 404."
        yield AWS.fault("webhook token", sentence, patient.log_command("WebhookLogGroup"))


def _posted(url: str) -> int:
    headers = {"Content-Type": "application/json"}
    return call("POST", url, who="The webhook", headers=headers, json=[], timeout=max(ANSWER_SECONDS, 30.0)).status


def _ago(moment: datetime) -> str:
    hours = (datetime.now(UTC) - moment).total_seconds() / 3600
    return f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"
