"""AWS's traps, met once more with boto3 alone: each function is one, and has its name.

    python3 sandbox/tests/traps.py target/debug/sandbox
"""
import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
import warnings

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

warnings.filterwarnings("ignore")
TRAPS = []
MANAGEMENT = "999999999999"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def trap(function):
    TRAPS.append(function)
    return function


class Aws:
    """A fresh sandbox, and clients of it."""

    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory()
        command = [program, "--directory", self.directory.name, "--until-stdin-ends", "--scale", "1"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = json.loads(self.process.stdout.readline())
        self.endpoint, self.region = said["endpoint"], said["region"]
        self.keys = (said["access_key_id"], said["secret_access_key"], None)
        self.root_keys = (said["root_access_key_id"], said["root_secret_access_key"], None)
        self.control("settings", throttles=False)
        self.accounts = {}

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.directory.cleanup()

    def control(self, what, **body):
        request = urllib.request.Request(f"{self.endpoint}/_sandbox/{what}", json.dumps(body).encode(), method="POST")
        return json.load(DIRECT.open(request))

    def advance(self, seconds):
        self.control("advance", seconds=seconds)

    def client(self, service, keys=None, region=None, **more):
        access, secret, token = keys or self.keys
        config = Config(retries={"max_attempts": 0}, proxies={}, **more)
        return boto3.client(
            service, region_name=region or self.region, endpoint_url=self.endpoint, config=config,
            aws_access_key_id=access, aws_secret_access_key=secret, aws_session_token=token,
        )

    def assume(self, arn, keys=None, **more):
        given = self.client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="trap", **more)["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    def organization(self):
        organizations = self.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        self.advance(60)
        return organizations

    def account(self, name):
        """A member account's credentials, and its id in `accounts`."""
        organizations = self.client("organizations")
        try:
            organizations.describe_organization()
        except ClientError:
            self.organization()
        status = organizations.create_account(Email=f"aws+{name}@example.com", AccountName=name)["CreateAccountStatus"]
        self.advance(300)
        status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
        self.accounts[name] = status["AccountId"]
        return self.assume(f"arn:aws:iam::{status['AccountId']}:role/OrganizationAccountAccessRole")

    def role(self, name, principal, policy=None, keys=None, condition=None):
        iam = self.client("iam", keys)
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal, condition))["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=document(policy))
        return arn


def document(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def trust(principal, condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return document({**statement, **({"Condition": condition} if condition else {})})


def allow(actions, resource="*"):
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def refused(code, call, *words, **arguments):
    """The call has to fail with AWS's code, and say these words."""
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code, f"{found['Code']} instead of {code}: {found['Message']}"
        for word in words:
            assert word in found["Message"], f"no `{word}` in: {found['Message']}"
        return error.response
    raise AssertionError(f"allowed, but should be {code}")


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


# Organizations

@trap
def an_organization_that_is_there_is_already_in_organization(aws):
    organizations = aws.organization()
    refused("AlreadyInOrganizationException", organizations.create_organization)


@trap
def a_new_organization_is_finalizing(aws):
    organizations = aws.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    refused("FinalizingOrganizationException", organizations.create_account, Email="a@example.com", AccountName="a")


@trap
def email_already_exists_is_not_an_exception_but_the_polled_reason(aws):
    aws.account("dev")
    organizations = aws.client("organizations")
    status = organizations.create_account(Email="AWS+dev@example.com", AccountName="other")["CreateAccountStatus"]
    same(status["State"], "IN_PROGRESS")
    aws.advance(300)
    status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
    same((status["State"], status["FailureReason"]), ("FAILED", "EMAIL_ALREADY_EXISTS"))
    assert "Email" not in status


@trap
def a_reached_quota_is_a_polled_reason(aws):
    aws.control("settings", account_quota=1)
    organizations = aws.organization()
    status = organizations.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]
    aws.advance(300)
    status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
    same(status["FailureReason"], "ACCOUNT_LIMIT_EXCEEDED")


@trap
def an_account_is_usable_only_when_its_role_can_be_assumed(aws):
    organizations = aws.organization()
    status = organizations.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]
    for _ in range(600):
        aws.advance(1)
        status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
        if status["State"] == "SUCCEEDED":
            break
    arn = f"arn:aws:iam::{status['AccountId']}:role/OrganizationAccountAccessRole"
    refused("AccessDenied", lambda: aws.assume(arn), "sts:AssumeRole")
    aws.advance(300)
    aws.assume(arn)


@trap
def state_is_there_and_status_is_retired(aws):
    aws.account("dev")
    account = aws.client("organizations").describe_account(AccountId=aws.accounts["dev"])["Account"]
    same((account["State"], "Status" in account), ("ACTIVE", False))


@trap
def a_list_may_have_an_empty_page_with_a_token(aws):
    aws.account("dev")
    organizations = aws.client("organizations")
    found, empty, token = [], 0, {}
    while True:
        page = organizations.list_accounts(MaxResults=1, **token)
        found += page["Accounts"]
        empty += not page["Accounts"]
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    same(len(found), 2)


@trap
def a_stale_source_parent_is_not_found_and_moving_twice_is_a_duplicate(aws):
    aws.account("dev")
    organizations = aws.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]
    refused("DuplicateOrganizationalUnitException", organizations.create_organizational_unit, ParentId=root, Name="Workloads")
    move = {"AccountId": aws.accounts["dev"], "SourceParentId": root, "DestinationParentId": unit}
    organizations.move_account(**move)
    refused("DuplicateAccountException", organizations.move_account, **move)
    back = {**move, "DestinationParentId": root, "SourceParentId": root.replace("r-", "r-z")[:6]}
    refused("SourceParentNotFoundException", organizations.move_account, **back)


@trap
def close_is_asynchronous_and_once(aws):
    keys = aws.account("dev")
    organizations, account = aws.client("organizations"), aws.accounts["dev"]
    organizations.close_account(AccountId=account)
    aws.advance(600)
    same(organizations.describe_account(AccountId=account)["Account"]["State"], "SUSPENDED")
    refused("AccountAlreadyClosedException", organizations.close_account, AccountId=account)
    error = refused("ConstraintViolationException", organizations.close_account, AccountId=MANAGEMENT)
    same(error["Reason"], "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
    refused("InvalidClientTokenId", aws.client("iam", keys).list_roles)


@trap
def create_account_is_throttled_to_three_at_once(aws):
    organizations = aws.organization()
    aws.control("settings", throttles=True)
    for name in "abc":
        organizations.create_account(Email=f"{name}@example.com", AccountName=name)
    refused("TooManyRequestsException", organizations.create_account, Email="d@example.com", AccountName="d")


# STS

@trap
def root_cannot_assume_roles(aws):
    arn = aws.role("any", {"AWS": MANAGEMENT})
    aws.advance(60)
    refused("AccessDenied", lambda: aws.assume(arn, aws.root_keys), "Roles may not be assumed by root accounts")


@trap
def role_chaining_is_an_hour_at_most(aws):
    aws.role("first", {"AWS": MANAGEMENT}, allow("sts:AssumeRole"))
    arn = aws.role("second", {"AWS": MANAGEMENT})
    aws.client("iam").update_role(RoleName="second", MaxSessionDuration=43200)
    aws.advance(60)
    first = aws.assume(f"arn:aws:iam::{MANAGEMENT}:role/first")
    aws.assume(arn, DurationSeconds=7200)
    refused("ValidationError", lambda: aws.assume(arn, first, DurationSeconds=7200), "1 hour")


@trap
def wrong_secret_and_unknown_key_have_awss_errors(aws):
    refused("SignatureDoesNotMatch", aws.client("sts", (aws.keys[0], "wrong", None)).get_caller_identity)
    refused("InvalidClientTokenId", aws.client("sts", ("AKIAUNKNOWN", "wrong", None)).get_caller_identity)
    refused("UnrecognizedClientException", aws.client("ecr", ("AKIAUNKNOWN", "wrong", None)).describe_repositories)


@trap
def an_opt_in_region_is_disabled(aws):
    sts = aws.client("sts", region="af-south-1")
    arn = aws.role("any", {"AWS": MANAGEMENT})
    aws.advance(60)
    refused("RegionDisabledException", sts.assume_role, RoleArn=arn, RoleSessionName="trap")


# IAM

@trap
def a_new_role_is_not_assumable_at_once(aws):
    arn = aws.role("new", {"AWS": MANAGEMENT})
    refused("AccessDenied", lambda: aws.assume(arn))
    aws.advance(60)
    aws.assume(arn)


@trap
def a_trusted_role_must_exist(aws):
    missing = f"arn:aws:iam::{MANAGEMENT}:role/missing"
    refused("MalformedPolicyDocument", lambda: aws.role("trusting", {"AWS": missing}), "Invalid principal in policy")


@trap
def delete_and_recreate_of_the_trusted_role_breaks_trust(aws):
    arn = aws.role("trusted", {"AWS": MANAGEMENT}, allow("sts:AssumeRole"))
    aws.advance(60)
    trusting = aws.role("trusting", {"AWS": arn})
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName="trusted", PolicyName="policy")
    iam.delete_role(RoleName="trusted")
    aws.role("trusted", {"AWS": MANAGEMENT}, allow("sts:AssumeRole"))
    aws.advance(60)
    refused("AccessDenied", lambda: aws.assume(trusting, aws.assume(arn)))
    shown = iam.get_role(RoleName="trusting")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    shown = shown if isinstance(shown, dict) else shown[0]
    assert shown["Principal"]["AWS"].startswith("AROA"), shown


@trap
def account_root_with_principal_arn_survives_recreation(aws):
    arn = f"arn:aws:iam::{MANAGEMENT}:role/app"
    trusting = aws.role("trusting", {"AWS": MANAGEMENT}, condition={"ArnEquals": {"aws:PrincipalArn": arn}})
    aws.role("app", {"AWS": MANAGEMENT}, allow("sts:AssumeRole"))
    aws.role("other", {"AWS": MANAGEMENT}, allow("sts:AssumeRole"))
    aws.advance(60)
    aws.assume(trusting, aws.assume(arn))
    refused("AccessDenied", lambda: aws.assume(trusting, aws.assume(arn.replace("app", "other"))))
    refused("AccessDenied", lambda: aws.assume(trusting))


@trap
def deletion_has_an_order(aws):
    aws.role("role", {"AWS": MANAGEMENT}, allow("s3:*"))
    iam = aws.client("iam")
    iam.attach_role_policy(RoleName="role", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    refused("DeleteConflict", iam.delete_role, RoleName="role")
    iam.delete_role_policy(RoleName="role", PolicyName="policy")
    refused("DeleteConflict", iam.delete_role, RoleName="role")
    iam.detach_role_policy(RoleName="role", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.delete_role(RoleName="role")


@trap
def a_policy_that_is_not_json_is_malformed(aws):
    iam = aws.client("iam")
    refused("MalformedPolicyDocument", iam.create_role, RoleName="role", AssumeRolePolicyDocument="{")


@trap
def a_role_name_is_taken_once(aws):
    aws.role("role", {"AWS": MANAGEMENT})
    refused("EntityAlreadyExists", lambda: aws.role("role", {"AWS": MANAGEMENT}))


# ECR

def registry(aws, name="app", **more):
    ecr = aws.client("ecr")
    uri = ecr.create_repository(repositoryName=name, **more)["repository"]["repositoryUri"]
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return ecr, f"{aws.endpoint}/v2/{uri.split('/', 1)[1]}", token


def http(method, url, token=None, body=None, **headers):
    request = urllib.request.Request(url, body, {k.replace("_", "-"): v for k, v in headers.items()}, method=method)
    if token:
        request.add_header("Authorization", f"Basic {token}")
    try:
        answer = DIRECT.open(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read()


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push(base, token, tag="v1", content=b"{}"):
    blob = b"layer " + content
    for part in (content, blob):
        place = http("POST", f"{base}/blobs/uploads/", token, b"")[1]["Location"]
        same(http("PUT", f"{place}?digest={sha256(part)}", token, part)[0], 201)
    kind = "application/vnd.oci.image."
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": f"{kind}manifest.v1+json",
        "config": {"mediaType": f"{kind}config.v1+json", "size": len(content), "digest": sha256(content)},
        "layers": [{"mediaType": f"{kind}layer.v1.tar", "size": len(blob), "digest": sha256(blob)}],
    }).encode()
    status, _, body = http("PUT", f"{base}/manifests/{tag}", token, manifest, Content_Type=f"{kind}manifest.v1+json")
    return status, body, manifest


@trap
def the_registry_takes_basic_and_not_bearer(aws):
    _, base, token = registry(aws)
    status, headers, _ = http("GET", f"{base}/tags/list")
    same((status, headers["WWW-Authenticate"].split()[0]), (401, "Basic"))
    same(base64.b64decode(token)[:4], b"AWS:")
    same(http("GET", f"{base}/tags/list", None, None, Authorization=f"Bearer {token}")[0], 401)


@trap
def the_token_lives_twelve_hours(aws):
    ecr = aws.client("ecr")
    expires = ecr.get_authorization_token()["authorizationData"][0]["expiresAt"].timestamp()
    assert abs(expires - time.time() - 12 * 3600) < 60


@trap
def chunked_upload_is_broken(aws):
    _, base, token = registry(aws)
    place = http("POST", f"{base}/blobs/uploads/", token, b"")[1]["Location"]
    first = http("PATCH", place, token, b"first", Content_Range="0-4")
    second = http("PATCH", place, token, b"second", Content_Range="5-10")
    same((first[0], second[0], first[1]["Range"], second[1]["Range"]), (201, 201, "0-4", "0-4"))


@trap
def an_immutable_tag_stays(aws):
    filters = [{"filterType": "WILDCARD", "filter": "live-*"}]
    _, base, token = registry(
        aws, imageTagMutability="IMMUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=filters
    )
    same(push(base, token, "v1")[0], 201)
    same(push(base, token, "v1", b'{"a":1}')[0], 400)
    same(push(base, token, "live-dev")[0], 201)
    same(push(base, token, "live-dev", b'{"a":1}')[0], 201)


@trap
def put_image_again_says_it_exists(aws):
    ecr, base, token = registry(aws)
    manifest = push(base, token)[2].decode()
    refused("ImageAlreadyExistsException", ecr.put_image, repositoryName="app", imageManifest=manifest, imageTag="v1")


@trap
def a_repository_with_images_is_deleted_only_by_force(aws):
    ecr, base, token = registry(aws)
    push(base, token)
    refused("RepositoryNotEmptyException", ecr.delete_repository, repositoryName="app")
    ecr.delete_repository(repositoryName="app", force=True)


@trap
def both_sides_are_needed_across_accounts(aws):
    ecr, base, token = registry(aws)
    push(base, token)
    dev = aws.account("dev")
    theirs = aws.client("ecr", dev).get_authorization_token()["authorizationData"][0]["authorizationToken"]
    same(http("GET", f"{base}/manifests/v1", theirs)[0], 403)
    pull = ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"]
    statement = {"Effect": "Allow", "Principal": {"AWS": aws.accounts["dev"]}, "Action": pull}
    ecr.set_repository_policy(repositoryName="app", policyText=document(statement))
    same(http("GET", f"{base}/manifests/v1", theirs)[0], 200)
    same(http("POST", f"{base}/blobs/uploads/", theirs, b"")[0], 403)


@trap
def get_authorization_token_is_never_a_resources(aws):
    ecr, _, _ = registry(aws)
    aws.role("nothing", {"AWS": MANAGEMENT})
    aws.advance(60)
    nothing = aws.assume(f"arn:aws:iam::{MANAGEMENT}:role/nothing")
    refused("AccessDeniedException", aws.client("ecr", nothing).get_authorization_token, "ecr:GetAuthorizationToken", "resource: *")


# AppConfig

class Configured:
    """An application with one environment, one profile, and a quick strategy."""

    def __init__(self, aws):
        self.aws, self.client, self.data = aws, aws.client("appconfig"), aws.client("appconfigdata")
        self.application = self.client.create_application(Name="app")["Id"]
        self.environment = self.client.create_environment(ApplicationId=self.application, Name="dev")["Id"]
        schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object",
                  "properties": {"limit": {"type": "integer"}}, "required": ["limit"]}
        self.profile = self.client.create_configuration_profile(
            ApplicationId=self.application, Name="settings", LocationUri="hosted",
            Validators=[{"Type": "JSON_SCHEMA", "Content": json.dumps(schema)}],
        )["Id"]
        self.quick = self.client.create_deployment_strategy(
            Name="quick", DeploymentDurationInMinutes=0, GrowthFactor=100, FinalBakeTimeInMinutes=0, ReplicateTo="NONE",
        )["Id"]

    def version(self, content='{"limit": 1}', **more):
        return self.client.create_hosted_configuration_version(
            ApplicationId=self.application, ConfigurationProfileId=self.profile, Content=content,
            ContentType="application/json", **more,
        )["VersionNumber"]

    def deploy(self, version, strategy=None):
        number = self.client.start_deployment(
            ApplicationId=self.application, EnvironmentId=self.environment, ConfigurationProfileId=self.profile,
            ConfigurationVersion=str(version), DeploymentStrategyId=strategy or self.quick,
        )["DeploymentNumber"]
        self.aws.advance(10)
        return number

    def deployment(self, number):
        of = {"ApplicationId": self.application, "EnvironmentId": self.environment}
        return self.client.get_deployment(DeploymentNumber=number, **of)["State"]

    def session(self):
        return self.data.start_configuration_session(
            ApplicationIdentifier="app", EnvironmentIdentifier="dev", ConfigurationProfileIdentifier="settings",
        )["InitialConfigurationToken"]

    def poll(self, token):
        answer = self.data.get_latest_configuration(ConfigurationToken=token)
        return answer["Configuration"].read(), answer["NextPollConfigurationToken"]


@trap
def the_same_application_name_twice_makes_two(aws):
    client = aws.client("appconfig")
    assert client.create_application(Name="app")["Id"] != client.create_application(Name="app")["Id"]
    same(len(client.list_applications()["Items"]), 2)


@trap
def latest_version_number_is_an_optimistic_lock(aws):
    it = Configured(aws)
    it.version()
    it.version(LatestVersionNumber=1)
    refused("ConflictException", it.version, LatestVersionNumber=1)


@trap
def a_crashed_retry_makes_a_second_version(aws):
    it = Configured(aws)
    same((it.version(), it.version()), (1, 2))


@trap
def a_version_label_needs_a_non_digit(aws):
    it = Configured(aws)
    refused("BadRequestException", it.version, VersionLabel="123")
    it.version(VersionLabel="v123")


@trap
def what_the_validator_forbids_is_no_version(aws):
    it = Configured(aws)
    refused("BadRequestException", it.version, content='{"limit": "many"}')


@trap
def all_at_once_bakes_ten_minutes_and_blocks_the_next(aws):
    it = Configured(aws)
    it.version()
    number = it.deploy(1, "AppConfig.AllAtOnce")
    same(it.deployment(number), "BAKING")
    refused("ConflictException", it.deploy, version=1)
    same(it.poll(it.session())[0], b'{"limit": 1}')
    aws.advance(590)
    same(it.deployment(number), "BAKING")
    aws.advance(15)
    same(it.deployment(number), "COMPLETE")


@trap
def environment_ready_is_said_in_capitals(aws):
    it = Configured(aws)
    state = it.client.get_environment(ApplicationId=it.application, EnvironmentId=it.environment)["State"]
    same(state, "READY_FOR_DEPLOYMENT")


@trap
def a_token_is_good_once_and_empty_is_unchanged(aws):
    it = Configured(aws)
    it.version()
    it.deploy(1)
    first = it.session()
    content, token = it.poll(first)
    same(content, b'{"limit": 1}')
    refused("BadRequestException", it.poll, token=first)
    same(it.poll(token)[0], b"")


@trap
def before_the_first_deployment_there_is_nothing_to_read(aws):
    it = Configured(aws)
    try:
        content, _ = it.poll(it.session())
        same(content, b"")
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("ResourceNotFoundException", "BadRequestException"), error


@trap
def deletion_of_configuration_has_an_order(aws):
    it = Configured(aws)
    it.version()
    of = {"ApplicationId": it.application}
    refused("BadRequestException", it.client.delete_application, **of)
    refused("BadRequestException", it.client.delete_configuration_profile, ConfigurationProfileId=it.profile, **of)
    it.client.delete_hosted_configuration_version(ConfigurationProfileId=it.profile, VersionNumber=1, **of)
    it.client.delete_configuration_profile(ConfigurationProfileId=it.profile, **of)
    it.client.delete_environment(EnvironmentId=it.environment, **of)
    it.client.delete_application(**of)


@trap
def deletion_protection_keeps_what_was_read_lately(aws):
    it = Configured(aws)
    it.client.update_account_settings(DeletionProtection={"Enabled": True, "ProtectionPeriodInMinutes": 60})
    it.version()
    it.deploy(1)
    aws.advance(7200)
    it.poll(it.session())
    of = {"ApplicationId": it.application, "EnvironmentId": it.environment}
    refused("ConflictException", it.client.delete_environment, **of)
    it.client.delete_environment(DeletionProtectionCheck="BYPASS", **of)


@trap
def a_stages_role_reads_its_own_environment_only(aws):
    it = Configured(aws)
    other = it.client.create_environment(ApplicationId=it.application, Name="prod")["Id"]
    arn = f"arn:aws:appconfig:{aws.region}:{MANAGEMENT}:application/{it.application}/environment/{it.environment}/configuration/{it.profile}"
    role = aws.role("reader", {"AWS": MANAGEMENT}, allow(["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"], arn))
    aws.advance(60)
    it.version()
    it.deploy(1)
    it.data = aws.client("appconfigdata", aws.assume(role))
    same(it.poll(it.session())[0], b'{"limit": 1}')
    theirs = {"ApplicationIdentifier": "app", "EnvironmentIdentifier": "prod", "ConfigurationProfileIdentifier": "settings"}
    refused("AccessDeniedException", it.data.start_configuration_session, "appconfig:StartConfigurationSession", f"/environment/{other}/", **theirs)


# ECS and App Runner

@trap
def a_fresh_account_has_no_app_runner(aws):
    keys = aws.account("dev")
    source = {"ImageRepository": {"ImageIdentifier": f"{MANAGEMENT}.dkr.ecr.{aws.region}.amazonaws.com/app:v1", "ImageRepositoryType": "ECR"}}
    refused("AccessDeniedException", aws.client("apprunner", keys).create_service, ServiceName="service", SourceConfiguration=source)


@trap
def the_first_use_of_ecs_cannot_assume_its_linked_role(aws):
    ecs = aws.client("ecs")
    refused("InvalidParameterException", ecs.create_cluster, "Unable to assume the service linked role")
    aws.advance(60)
    ecs.create_cluster()


def express(aws, name="web"):
    ecs = aws.client("ecs")
    for role, service, policy in [
        ("execution", "ecs-tasks", "AmazonECSTaskExecutionRolePolicy"),
        ("infrastructure", "ecs", "AmazonECSInfrastructureRoleforExpressGatewayServices"),
    ]:
        aws.role(role, {"Service": f"{service}.amazonaws.com"})
        aws.client("iam").attach_role_policy(RoleName=role, PolicyArn=f"arn:aws:iam::aws:policy/service-role/{policy}")
    aws.advance(60)
    try:
        ecs.create_cluster()
    except ClientError:
        aws.advance(60)
        ecs.create_cluster()
    arn = f"arn:aws:iam::{MANAGEMENT}:role/"
    create = {
        "serviceName": name, "executionRoleArn": f"{arn}execution", "infrastructureRoleArn": f"{arn}infrastructure",
        "primaryContainer": {"image": f"{aws.endpoint[7:]}/{MANAGEMENT}/{aws.region}/app:v1", "containerPort": 5000},
    }
    return ecs, create


@trap
def active_is_returned_at_once_and_is_not_serving(aws):
    ecs, create = express(aws)
    service = ecs.create_express_gateway_service(**create)["service"]
    same(service["status"]["statusCode"], "ACTIVE")
    url = service["activeConfigurations"][0]["ingressPaths"][0]["endpoint"]
    same(http("GET", url if "://" in url else f"http://{url}")[0], 503)


@trap
def a_name_is_unique_among_services_that_are_not_inactive(aws):
    ecs, create = express(aws)
    arn = ecs.create_express_gateway_service(**create)["service"]["serviceArn"]
    refused("InvalidParameterException", ecs.create_express_gateway_service, **create)
    refused("InvalidParameterException", ecs.delete_service, "DeleteExpressGatewayService", service=arn, cluster="default", force=True)
    ecs.delete_express_gateway_service(serviceArn=arn)
    refused("ServiceNotActiveException", ecs.delete_express_gateway_service, serviceArn=arn)
    for _ in range(100):
        aws.advance(30)
        if ecs.describe_services(services=[arn])["services"][0]["status"] == "INACTIVE":
            break
        time.sleep(0.05)
    ecs.create_express_gateway_service(**create)


@trap
def a_role_is_passed_only_by_who_may(aws):
    _, create = express(aws)
    aws.role("operator", {"AWS": MANAGEMENT}, allow("ecs:*"))
    aws.advance(60)
    operator = aws.assume(f"arn:aws:iam::{MANAGEMENT}:role/operator")
    refused("AccessDeniedException", aws.client("ecs", operator).create_express_gateway_service, "iam:PassRole", **create)


@trap
def tags_are_lower_case_in_ecs_and_upper_case_in_ecr(aws):
    ecs, create = express(aws)
    arn = ecs.create_express_gateway_service(tags=[{"key": "a", "value": "b"}], **create)["service"]["serviceArn"]
    same(ecs.list_tags_for_resource(resourceArn=arn)["tags"], [{"key": "a", "value": "b"}])
    ecr = aws.client("ecr")
    arn = ecr.create_repository(repositoryName="app", tags=[{"Key": "a", "Value": "b"}])["repository"]["repositoryArn"]
    same(ecr.list_tags_for_resource(resourceArn=arn)["tags"], [{"Key": "a", "Value": "b"}])


# What is not there

@trap
def what_is_not_implemented_is_never_a_silent_success(aws):
    same(status_of(aws.client("ecr").start_image_scan, repositoryName="app", imageId={"imageTag": "v1"}), 501)


def status_of(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def main(program, wanted=""):
    passed, failed = 0, []
    for function in (t for t in TRAPS if re.search(wanted, t.__name__)):
        aws = Aws(str(pathlib.Path(program).resolve()))
        try:
            function(aws)
            passed += 1
            print(f"ok      {function.__name__}")
        except Exception:
            failed.append(function.__name__)
            print(f"FAILED  {function.__name__}\n{traceback.format_exc(limit=-2)}")
        finally:
            aws.end()
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
