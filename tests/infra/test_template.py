"""House rules of the template: what every queue, function, role and secret of it must have."""

import re

import msgspec
import pytest
import yaml

from leads.adapters import environment
from leads.adapters.telemetry import ALARMED, ALL, NAMESPACE
from leads.core import graph_versions, retry_policy
from leads.core.conversion import LARGEST_CALL
from leads.sources import REGISTRY
from tests.infra.template import ROOT, listed, mentions, properties, resources, statements, template, watched

QUEUES = properties("AWS::SQS::Queue")
# A message of this one is no lead: what it would find, the next schedule finds.
LEAD_QUEUES = [name for name in QUEUES if name != "ReconcileQueue"]
FUNCTIONS = properties("AWS::Serverless::Function")
ALARMS = properties("AWS::CloudWatch::Alarm")
SPEAKERS = ("Pinterest", "Facebook", "LeadConnector")
SILENCES = [f"{who}SilenceAlarm" for who in SPEAKERS]
HOURS = template()["Mappings"]["Hours"]
# Called by its alias, which is a snapshot: a lead waits for these.
SNAPSHOTS = ["WebhookFunction", "RetryFunction"]
# Queue → its dead-letter queue and what its name has of its own.
DEAD_LETTERED = {
    "FailedLeadsQueue": ("DeadLetterQueue", "failed-leads"),
    "ConversionsQueue": ("ConversionsDeadLetterQueue", "conversions"),
}
# Function, and the queue that wakes it with these settings.
WOKEN = [
    (name, queue, event["Properties"])
    for name, found in FUNCTIONS.items()
    for event in found.get("Events", {}).values()
    if event["Type"] == "SQS"
    for queue in mentions(event["Properties"]["Queue"])
]
DEFAULTS = {
    "Architecture": "arm64",
    "PythonRuntime": "python3.13",
    "ContactsApiUrl": "https://services.leadconnectorhq.com",
    "PinterestApiUrl": "https://api.pinterest.com/v5",
    "GraphApiUrl": "https://graph.facebook.com/v26.0",
    "AlarmEmail": "",
    "LogLevel": "INFO",
    "RetryConcurrency": 2,
    "WebhookConcurrency": "",
    "RetryWaits": "60,300,1800,7200,21600,43200,43200",
    "InlineBudgetSeconds": 4,
    "CustomFieldValueKey": "field_value",
    "ReconcileSchedule": "rate(1 day)",
    "ReconcileDays": 2,
    "ConversionDays": 7,
    "ParkedLeadHours": 6,
    "PinterestSilenceHours": 0,
    "FacebookSilenceHours": 0,
    "LeadConnectorSilenceHours": 0,
}
OUTPUTS = {
    *("WebhookBaseUrl", "WebhookTokenSecretArn", "PinterestKeysSecretArn", "ContactsSecretArn"),
    *("FailedLeadsQueueUrl", "DeadLetterQueueUrl", "LedgerTableName", "WebhookFunctionName", "RetryFunctionName"),
    *("RotationFunctionName", "ReconcileFunctionName", "ReconcileQueueUrl"),
    *("ConversionsQueueUrl", "ConversionsDeadLetterQueueUrl", "ConversionsFunctionName"),
    *("PinterestAppSecretArn", "FacebookSecretArn", "LeadConnectorSecretArn", "DashboardUrl"),
}


def test_the_parameters_and_their_defaults_are_the_published_ones():
    """Users' scripts pass them by these names."""
    assert {name: found.get("Default") for name, found in template()["Parameters"].items()} == DEFAULTS


def test_the_outputs_others_rely_on_exist():
    """The command line and users' scripts read them."""
    assert set(template()["Outputs"]) >= OUTPUTS


def test_the_functions_read_every_variable_and_are_given_every_one_that_they_read():
    """A name that is misspelt on either side would mean the default for ever."""
    settings = [template()["Globals"]["Function"], *FUNCTIONS.values()]
    names = {name for each in settings for name in each.get("Environment", {}).get("Variables", {})}
    read = environment.settings({name: str(number) for number, name in enumerate(sorted(names))})
    # All of them are numbers here, so that what has kept a default of its own is found.
    values = [value[0] if isinstance(value, tuple) else value for value in msgspec.structs.astuple(read)]
    assert sorted(float(value) for value in values) == list(range(len(names)))


@pytest.mark.parametrize("waits", ["1,1,2,2", "60", DEFAULTS["RetryWaits"], ",".join("1" * 11)])
def test_retry_waits_takes(waits):
    """One to eleven waits."""
    assert re.fullmatch(template()["Parameters"]["RetryWaits"]["AllowedPattern"], waits)


@pytest.mark.parametrize("waits", ["", "0", "1,,2", "1, 2", "a", "-1", "1,2,", ",".join("1" * 12)])
def test_retry_waits_refuses(waits):
    """Whatever the function could not read, or the queue not give receives for."""
    assert not re.fullmatch(template()["Parameters"]["RetryWaits"]["AllowedPattern"], waits)


@pytest.mark.parametrize("name", LEAD_QUEUES)
def test_every_queue_keeps_leads_for_fourteen_days_encrypted_and_beyond_its_stack(name):
    """The longest that SQS offers; deleting the stack loses nothing."""
    assert QUEUES[name]["MessageRetentionPeriod"] == 14 * 86400
    assert QUEUES[name]["SqsManagedSseEnabled"] is True
    assert resources("AWS::SQS::Queue")[name]["DeletionPolicy"] == "Retain"
    assert resources("AWS::SQS::Queue")[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_born_with_its_alarm(name):
    """A lead that waits is noticed."""
    alarms = properties("AWS::CloudWatch::Alarm").values()
    assert [alarm for alarm in alarms if name in mentions(alarm) and alarm["AlarmActions"]]


@pytest.mark.parametrize(("queue", "dead"), [(queue, dead) for queue, (dead, _) in DEAD_LETTERED.items()])
def test_a_dead_letter_queue_takes_from_its_own_queue_alone(queue, dead):
    """Both policies name the same queue."""
    allowed = QUEUES[dead]["RedriveAllowPolicy"]
    assert mentions(QUEUES[queue]["RedrivePolicy"]["deadLetterTargetArn"]) == {dead}
    assert allowed["redrivePermission"] == "byQueue"
    [source] = allowed["sourceQueueArns"]
    name, tail = QUEUES[queue]["QueueName"]["Sub"]
    assert name == f"${{AWS::StackName}}-{DEAD_LETTERED[queue][1]}-${{Tail}}"
    assert source["Sub"][0].endswith(f":{name}")
    assert source["Sub"][1] == tail


@pytest.mark.parametrize("queue", DEAD_LETTERED)
def test_a_queue_gives_more_receives_than_there_can_be_attempts(queue):
    """The function decides when a lead or an event has had its last attempt, not the queue."""
    pattern = template()["Parameters"]["RetryWaits"]["AllowedPattern"]
    waits = int(re.search(r"\{0,(\d+)\}\)?\$$", pattern)[1]) + 1
    assert QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"] >= waits + 1


@pytest.mark.parametrize(("name", "queue", "settings"), WOKEN)
def test_a_received_message_stays_hidden_six_times_as_long_as_its_function_may_run(name, queue, settings):
    """As AWS advises for queues that wake a function, and as long again as a batch is waited for."""
    window = settings.get("MaximumBatchingWindowInSeconds", 0)
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * FUNCTIONS[name]["Timeout"] + window


@pytest.mark.parametrize(("name", "queue", "settings"), WOKEN)
def test_a_function_answers_for_each_message_alone(name, queue, settings):
    """One poison lead does not bring its batch back."""
    assert settings["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert settings["ScalingConfig"]["MaximumConcurrency"] == ({"Ref": "RetryConcurrency"} if "Retry" in name else 2)


def test_events_come_in_batches_that_fill_calls():
    """Lambda takes 10,000 messages at once, and asks for a window where there are more than ten."""
    [settings] = [settings for name, _, settings in WOKEN if name == "ConversionsFunction"]
    assert 2 * LARGEST_CALL < settings["BatchSize"] <= 10_000
    assert 1 <= settings["MaximumBatchingWindowInSeconds"] <= 300


def test_whoever_hears_of_an_outcome_may_tell_it_and_one_function_takes_it():
    """Nobody else touches the queue."""
    users = {
        (role, action)
        for role, statement in statements()
        if "ConversionsQueue" in mentions(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert users == {
        *((f"{name}Role", "sqs:SendMessage") for name in ("Webhook", "Retry", "Reconcile", "Conversions")),
        *(
            ("ConversionsRole", f"sqs:{action}")
            for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
        ),
    }
    assert template()["Globals"]["Function"]["Environment"]["Variables"]["CONVERSIONS_QUEUE_URL"] == {
        "Ref": "ConversionsQueue"
    }


def test_the_conversions_function_may_do_what_its_work_needs():
    """It reads the tokens of Pinterest and of the CRM, and neither a lead's keys nor the failed leads."""
    assert {
        (action, resource)
        for role, statement in statements()
        if role == "ConversionsRole" and "sqs" not in str(statement["Action"]) and statement["Resource"] != "*"
        for action in listed(statement["Action"])
        for resource in mentions(statement["Resource"])
    } == {
        ("secretsmanager:GetSecretValue", "PinterestAppSecret"),
        ("secretsmanager:GetSecretValue", "ContactsSecret"),
        *((f"dynamodb:{it}Item", "LedgerTable") for it in ("Get", "BatchGet", "Put", "Update")),
        ("logs:CreateLogStream", "ConversionsLogGroup"),
        ("logs:PutLogEvents", "ConversionsLogGroup"),
    }


@pytest.mark.parametrize(("role", "statement"), statements())
def test_permissions_name_their_resources(role, statement):
    """No wildcard but the one AWS insists on for traces."""
    actions = listed(statement["Action"])
    assert not [action for action in actions if "*" in action], role
    if any(resource == "*" for resource in listed(statement["Resource"])):
        assert all(action.startswith("xray:") for action in actions), role


def test_nobody_but_sqs_touches_a_dead_letter_queue():
    """A message put there by us could not be redriven from the console."""
    dead = {name for name, _ in DEAD_LETTERED.values()}
    assert not [role for role, statement in statements() if dead & mentions(statement["Resource"])]
    assert not properties("AWS::SQS::QueuePolicy")


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_every_function_that_a_lead_waits_for_is_a_snapshot_behind_an_alias(name):
    """It starts in a fraction of the time."""
    settings = template()["Globals"]["Function"] | FUNCTIONS[name]
    assert settings["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert settings["AutoPublishAlias"] == "live"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_traced_and_has_a_role_and_a_log_of_its_own(name):
    """What each function is born with."""
    settings = template()["Globals"]["Function"] | FUNCTIONS[name]
    assert settings["Tracing"] == "Active"
    [log_group] = mentions(settings["LoggingConfig"])
    assert properties("AWS::Logs::LogGroup")[log_group]["RetentionInDays"] <= 90
    [role] = mentions(settings["Role"])
    users = [other for other, found in FUNCTIONS.items() if role in mentions(found["Role"])]
    assert users == [name]


@pytest.mark.parametrize("name", [*SNAPSHOTS, "ReconcileFunction", "ConversionsFunction"])
def test_a_changed_parameter_publishes_a_new_version(name):
    """The alias would otherwise go on with the old value."""
    settings = template()["Globals"]["Function"]["Environment"]["Variables"]
    settings = settings | FUNCTIONS[name].get("Environment", {}).get("Variables", {})
    given = mentions(list(settings.values())) & set(template()["Parameters"])
    description = FUNCTIONS[name]["VersionDescription"]["Sub"]
    assert given <= set(re.findall(r"\$\{(\w+)\}", description))


def test_the_description_of_a_version_fits():
    """Lambda takes 256 characters."""
    parameters = template()["Parameters"]
    urls = sum(found.get("MaxLength", 0) for found in parameters.values())
    key = max(map(len, parameters["CustomFieldValueKey"]["AllowedValues"]))
    assert urls + len("WARNING") + 11 * 6 + len("20.0") + key + 6 <= 256  # reconcile's has "30" there


def test_the_api_calls_the_alias_and_nothing_else_may_call_it():
    """One integration; a route and a permission for what platforms send, and for their question whose address it is."""
    [integration] = properties("AWS::ApiGatewayV2::Integration").values()
    routes = {route["RouteKey"] for route in properties("AWS::ApiGatewayV2::Route").values()}
    assert routes == {f"{method} /webhooks/{{source}}/{{token}}" for method in ("GET", "POST")}
    for method, name in (("POST", "WebhookPermission"), ("GET", "VerificationPermission")):
        permission = properties("AWS::Lambda::Permission")[name]
        assert permission["SourceArn"]["Sub"].endswith(f":${{Api}}/*/{method}/webhooks/*/*")
        assert integration["IntegrationUri"] == permission["FunctionName"] == {"Ref": "WebhookFunction.Alias"}
    assert integration["PayloadFormatVersion"] == "2.0"


ROTATIONS = {
    # The most often that Secrets Manager offers, so that a token of a day is met several times in time.
    "ContactsSecret": "rate(4 hours)",
    "PinterestAppSecret": "rate(1 day)",
}


def test_each_secret_with_oauth_tokens_has_one_rotation():
    """A refresh token works once, so nobody else refreshes it."""
    schedules = [found["Properties"] for found in resources("AWS::SecretsManager::RotationSchedule").values()]
    rates = {name: each["RotationRules"] for each in schedules for name in mentions(each["SecretId"])}
    assert rates == {name: {"ScheduleExpression": rate} for name, rate in ROTATIONS.items()}
    for schedule in resources("AWS::SecretsManager::RotationSchedule").values():
        assert schedule["DependsOn"] == "RotationPermission"
        assert schedule["Properties"]["RotationLambdaARN"] == {"GetAtt": "RotationFunction.Arn"}
        # A new stack's secret has no token.
        assert schedule["Properties"]["RotateImmediatelyOnUpdate"] is False


def test_only_secrets_manager_of_this_account_may_call_the_rotation():
    """The principal alone would admit every account's Secrets Manager."""
    permission = properties("AWS::Lambda::Permission")["RotationPermission"]
    assert permission["Principal"] == "secretsmanager.amazonaws.com"
    assert permission["FunctionName"] == {"Ref": "RotationFunction"}
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_only_the_rotation_changes_a_secret():
    """And only the tokens, and it touches nothing of a lead."""
    writers = {
        (role, *sorted(mentions(statement["Resource"])))
        for role, statement in statements()
        if any("Put" in action or "Update" in action for action in listed(statement["Action"]) if "secrets" in action)
    }
    assert writers == {("RotationRole", *sorted(ROTATIONS))}
    services = {
        action.split(":")[0]
        for role, statement in statements()
        if role == "RotationRole"
        for action in listed(statement["Action"])
    }
    assert services == {"secretsmanager", "logs", "xray"}


def test_a_failed_rotation_is_told():
    """Of one location by its metric, as a whole by the function's errors."""
    alarms = properties("AWS::CloudWatch::Alarm")
    assert alarms["TokenRefreshFailedAlarm"]["MetricName"] == "TokenRefreshFailed"
    assert mentions(alarms["RotationFailedAlarm"]["Dimensions"]) == {"RotationFunction"}


@pytest.mark.parametrize("meaning", ["version", "scope", "token_class", "location"])
def test_the_alarm_on_refused_access_names_every_meaning(meaning):
    """None of them is an expired token."""
    alarm = properties("AWS::CloudWatch::Alarm")["ContactsAccessAlarm"]
    assert alarm["MetricName"] == "ContactsApiForbidden"
    assert f"contacts_api_unauthorized_{meaning}" in alarm["AlarmDescription"]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_on_a_metric_of_ours_sees_all_sources(name):
    """The metric is counted for all sources together besides; only silence is one source's own."""
    for metric in watched(ALARMS[name]):
        if metric["Namespace"] == NAMESPACE and name not in SILENCES:
            assert metric["MetricName"] in ALARMED
            assert metric["Dimensions"] == [{"Name": "source", "Value": ALL}]


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_is_told_to_whoever_listens(name):
    """One topic for all."""
    assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_looks_no_further_back_than_cloudwatch_does(name):
    """Seven days with periods of an hour or more, one day with shorter ones."""
    alarm = ALARMS[name]
    periods = alarm["EvaluationPeriods"]
    if isinstance(periods, dict):
        parameter = template()["Parameters"].get(periods.get("Ref"))
        periods = parameter["MaxValue"] if parameter else max(each["Quarters"] for each in HOURS.values())
    for metric in watched(alarm):
        assert metric["Period"] * periods <= (7 * 86400 if metric["Period"] >= 3600 else 86400)


def test_a_comparison_that_waits_is_seen_by_the_alarm_on_its_queue():
    """Hop after hop it is a delayed message, and hardly ever one that is being worked on."""
    alarm = ALARMS["ReconcileQueueAlarm"]
    assert {metric["MetricName"] for metric in watched(alarm)} == {
        f"ApproximateNumberOfMessages{which}" for which in ("Visible", "NotVisible", "Delayed")
    }
    assert all(mentions(metric["Dimensions"]) == {"ReconcileQueue"} for metric in watched(alarm))
    [total] = [each for each in alarm["Metrics"] if each.get("ReturnData", True)]
    assert set(total["Expression"].split(" + ")) == {each["Id"] for each in alarm["Metrics"] if each is not total}
    [period] = {metric["Period"] for metric in watched(alarm)}
    assert period * alarm["EvaluationPeriods"] == 6 * 3600


def test_a_limit_that_lasts_is_seen_in_every_period():
    """What waits for the day's limit comes only every so often, and a period without it would end the hour."""
    alarm = ALARMS["ContactsThrottledAlarm"]
    assert alarm["Period"] >= retry_policy.LONGEST_DELAY
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 3600


def test_the_emulated_aws_gets_every_alarm_on_one_metric(tmp_path):
    """It refuses several; what names the alarm, as the dashboard does, finds it all the same."""
    # Late: it brings boto3 along.
    from infra.local.deployment import emulated

    query = {"Type": "AWS::Logs::QueryDefinition"}
    alarms = {name: {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm} for name, alarm in ALARMS.items()}
    built = tmp_path / "template.yaml"
    built.write_text(yaml.safe_dump({"Resources": {**alarms, "Query": query}}))
    made = yaml.safe_load(emulated(built).read_text())["Resources"]
    assert set(made) == set(alarms)
    for name, alarm in made.items():
        several = "Metrics" in ALARMS[name]
        assert several or alarm["Properties"] == ALARMS[name]
        assert {"MetricName", "Namespace", "Period", "Statistic", "Threshold"} <= set(alarm["Properties"])
        assert "Metrics" not in alarm["Properties"]


def test_the_end_of_the_default_version_of_graph_is_known():
    """A deployment that nobody updates is warned of it."""
    assert graph_versions.usable_until(graph_versions.version_of(DEFAULTS["GraphApiUrl"]))


def test_hours_are_as_many_seconds_and_quarters_of_an_hour():
    """For every value that the parameter takes."""
    allowed = template()["Parameters"]["ParkedLeadHours"]["AllowedValues"]
    assert {str(hours): {"Seconds": hours * 3600, "Quarters": hours * 4} for hours in allowed} == HOURS


@pytest.mark.parametrize(("name", "source"), [(f"{who}SilenceAlarm", who.lower()) for who in SPEAKERS])
def test_silence_is_an_alarm_of_each_source_where_it_is_asked_for(name, source):
    """Nothing said is what it listens for, and zero hours are none."""
    alarm = ALARMS[name]
    hours = name.removesuffix("Alarm") + "Hours"
    assert source in REGISTRY
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("LeadsReceived", "breaching")
    assert alarm["Dimensions"] == [{"Name": "source", "Value": source}]
    assert alarm["EvaluationPeriods"] == {"Ref": hours}
    condition = resources("AWS::CloudWatch::Alarm")[name]["Condition"]
    asked = template()["Conditions"][condition]["Not"][0]["Equals"]
    assert asked == [{"Ref": hours}, 0]


def test_every_source_may_be_listened_to():
    """A source has its alarm."""
    assert {who.lower() for who in SPEAKERS} == set(REGISTRY)


def test_a_parked_lead_is_over_age_until_none_was_met_for_the_longest_wait():
    """Between two attempts there is no measure, and no news is then not good news."""
    alarm = ALARMS["ParkedLeadAgeAlarm"]
    assert alarm["DatapointsToAlarm"] == 1
    assert alarm["EvaluationPeriods"] * alarm["Period"] >= retry_policy.LONGEST_HOLD


@pytest.mark.parametrize("name", ALARMS)
def test_the_description_of_an_alarm_fits_and_leads_to_the_runbook(name):
    """CloudWatch takes 1024 characters."""
    description = ALARMS[name]["AlarmDescription"]
    assert len(description) <= 1024
    assert description.endswith(f" RUNBOOK.md#{name.lower()}")


def test_the_access_log_holds_no_path_and_no_body():
    """The path carries the webhook's token."""
    [stage] = properties("AWS::ApiGatewayV2::Stage").values()
    logged = set(re.findall(r"\$context\.([\w.]+)", stage["AccessLogSettings"]["Format"]))
    assert {"requestId", "routeKey", "status"} <= logged
    assert not {name for name in logged if re.search("path|uri|url|body|header|query|authorizer", name, re.I)}
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0


@pytest.mark.parametrize("name", resources("AWS::Logs::LogGroup"))
def test_every_log_ends_some_day(name):
    """Thirty days."""
    assert properties("AWS::Logs::LogGroup")[name]["RetentionInDays"] == 30


@pytest.mark.parametrize("name", resources("AWS::SecretsManager::Secret"))
def test_no_deployment_overwrites_a_secret(name):
    """Only the token is the template's; the others are the user's."""
    secret = resources("AWS::SecretsManager::Secret")[name]
    # The rotation needs a value to begin with, and a changed one would overwrite the tokens that were stored.
    first = {"ContactsSecret": '{"locations": {}}', "PinterestAppSecret": '{"conversion_tokens": {}}'}
    assert secret["Properties"].get("SecretString") == first.get(name)
    assert ("GenerateSecretString" in secret["Properties"]) == (name == "WebhookTokenSecret")
    assert secret["DeletionPolicy"] == secret["UpdateReplacePolicy"] == "Retain"


def test_the_webhook_token_fits_into_a_url():
    """Letters and digits, long enough not to be guessed."""
    generated = properties("AWS::SecretsManager::Secret")["WebhookTokenSecret"]["GenerateSecretString"]
    allowed = {chr(code) for code in range(33, 127)} - set(generated["ExcludeCharacters"])
    assert all(character.isalnum() for character in allowed)
    assert generated["PasswordLength"] >= 32


def test_the_ledger_forgets_in_time_and_nothing_by_accident():
    """TTL, recovery to a point in time, encryption, and it outlives the stack."""
    [table] = properties("AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert resources("AWS::DynamoDB::Table")["LedgerTable"]["DeletionPolicy"] == "Retain"


def test_the_build_targets_what_the_template_deploys():
    """The defaults of both agree."""
    makefile = (ROOT / "functions" / "Makefile").read_text()
    assert f"TARGET_ARCH ?= {DEFAULTS['Architecture']}\n" in makefile
    assert f"TARGET_PYTHON ?= {DEFAULTS['PythonRuntime'].removeprefix('python')}\n" in makefile


@pytest.mark.parametrize("path", [".venv/", ".tools/", ".local/", ".aws-sam/", "__pycache__/", ".env"])
def test_git_ignores_what_the_commands_make(path):
    """A clone stays clean."""
    assert path in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize(
    "name",
    ["requirements.txt", "functions/requirements.txt", "infra/requirements-sam.txt", "infra/requirements-browser.txt"],
)
def test_every_package_is_pinned(name):
    """The same versions on every machine."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    assert not [line for line in lines if line and not line.startswith(("-r ", "-e ")) and "==" not in line]
