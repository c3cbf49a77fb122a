"""AWS's traps, met once more with boto3 alone: each function is one, and has its name.

    python3 sandbox/tests/traps.py target/debug/sandbox
"""
import base64
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
import urllib.error
import urllib.request
import warnings
from email.utils import parsedate_to_datetime

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

warnings.filterwarnings("ignore")
TRAPS = []
MANAGEMENT = "999999999999"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def trap(function):
    TRAPS.append(function)
    return function


def trap_with(*options):
    """A trap in a sandbox that is started with these options."""
    def mark(function):
        function.options = options
        return trap(function)
    return mark


class Aws:
    """A fresh sandbox, and clients of it."""

    def __init__(self, program, *options):
        self.directory = tempfile.TemporaryDirectory()
        command = [program, "--directory", self.directory.name, "--until-stdin-ends", "--scale", "1", *options]
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

    def created(self, name, email=None, **more):
        """The request's id: a new account is asked for."""
        asked = self.client("organizations").create_account(Email=email or f"{name}@example.com", AccountName=name, **more)
        return asked["CreateAccountStatus"]["Id"]

    def status(self, request):
        polled = self.client("organizations").describe_create_account_status(CreateAccountRequestId=request)
        return polled["CreateAccountStatus"]

    def role(self, name, principal, policy=None, keys=None, condition=None, path="/"):
        iam = self.client("iam", keys)
        made = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust(principal, condition))
        arn = made["Role"]["Arn"]
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
def a_new_organization_may_have_too_many_accounts_for_an_hour(aws):
    aws.control("settings", organization_limited=3600)
    organizations = aws.organization()
    account = {"Email": "a@example.com", "AccountName": "a"}
    error = refused("ConstraintViolationException", organizations.create_account, "number of AWS accounts", **account)
    same(error["Reason"], "ACCOUNT_NUMBER_LIMIT_EXCEEDED")
    aws.advance(3600)
    organizations.create_account(**account)


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
def a_new_accounts_services_want_a_subscription_for_a_while(aws):
    aws.control("settings", activation=600)
    keys = aws.account("dev")
    aws.client("iam", keys).list_roles()
    words = "The AWS Access Key Id needs a subscription for the service"
    for service, call in [("ecs", "list_clusters"), ("ecr", "describe_repositories"), ("appconfig", "list_applications")]:
        refused("SubscriptionRequiredException", getattr(aws.client(service, keys), call), words)
    aws.client("ecs").list_clusters()
    aws.advance(600)
    same(aws.client("ecs", keys).list_clusters()["clusterArns"], [])


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


@trap
def create_account_has_no_idempotency(aws):
    aws.organization()
    first, second = aws.created("dev"), aws.created("dev")
    assert first != second
    aws.advance(300)
    same(aws.status(first)["State"], "SUCCEEDED")
    assert aws.status(second)["FailureReason"] in ("EMAIL_ALREADY_EXISTS", "CONCURRENT_ACCOUNT_MODIFICATION")


@trap
def five_accounts_at_once(aws):
    aws.organization()
    for name in "abcde":
        aws.created(name)
    refused("ConstraintViolationException", lambda: aws.created("f"))
    aws.advance(300)
    aws.created("f")


@trap
def concurrent_modification_straight_after_create_account(aws):
    organizations = aws.organization()
    root = organizations.list_roots()["Roots"][0]["Id"]
    aws.created("dev")
    make = {"ParentId": root, "Name": "Workloads"}
    refused("ConcurrentModificationException", organizations.create_organizational_unit, **make)
    aws.advance(10)
    organizations.create_organizational_unit(**make)


@trap
def an_invalid_tag_fails_the_whole_request(aws):
    organizations = aws.organization()
    refused("InvalidInputException", lambda: aws.created("dev", Tags=[{"Key": "aws:mine", "Value": "x"}]))
    same(organizations.list_create_account_status()["CreateAccountStatuses"], [])


@trap
def an_address_that_aws_would_not_take_is_a_polled_reason(aws):
    aws.organization()
    request = aws.created("dev", email="a;b@example.com")
    aws.advance(300)
    same(aws.status(request)["FailureReason"], "INVALID_EMAIL")


@trap
def one_page_of_list_create_account_status_answers_for_all(aws):
    organizations = aws.organization()
    asked = [aws.created(name) for name in "abc"]
    found = organizations.list_create_account_status(States=["IN_PROGRESS"])["CreateAccountStatuses"]
    same(sorted(s["Id"] for s in found), sorted(asked))
    same([("AccountName" in s, "Email" in s) for s in found], [(True, False)] * 3)


@trap
def a_list_gives_twenty_at_most(aws):
    organizations = aws.organization()
    refused("InvalidInputException", organizations.list_accounts, MaxResults=21)


@trap
def a_new_account_lands_in_the_root(aws):
    aws.account("dev")
    organizations = aws.client("organizations")
    same(organizations.list_parents(ChildId=aws.accounts["dev"])["Parents"][0]["Type"], "ROOT")


@trap
def a_closed_accounts_address_stays_taken_and_it_still_counts(aws):
    aws.control("settings", account_quota=3)
    aws.account("dev")
    organizations = aws.client("organizations")
    organizations.close_account(AccountId=aws.accounts["dev"])
    aws.advance(600)
    taken, other, over = aws.created("again", email="aws+dev@example.com"), aws.created("other"), aws.created("over")
    aws.advance(300)
    same(aws.status(taken)["FailureReason"], "EMAIL_ALREADY_EXISTS")
    same((aws.status(other)["State"], aws.status(over).get("FailureReason")), ("SUCCEEDED", "ACCOUNT_LIMIT_EXCEEDED"))


@trap
def three_closures_at_once(aws):
    organizations = aws.organization()
    accounts = []
    for name in "abcd":
        aws.account(name)
        accounts.append(aws.accounts[name])
    for account in accounts[:3]:
        organizations.close_account(AccountId=account)
    error = refused("ConstraintViolationException", organizations.close_account, AccountId=accounts[3])
    same(error["Reason"], "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED")


@trap
def a_young_account_does_not_leave(aws):
    aws.account("dev")
    leave = aws.client("organizations").remove_account_from_organization
    refused("ConstraintViolationException", leave, AccountId=aws.accounts["dev"])


@trap
def a_member_may_only_describe_the_organization(aws):
    theirs = aws.client("organizations", aws.account("dev"))
    theirs.describe_organization()
    refused("AccessDeniedException", theirs.list_accounts)
    refused("AccessDeniedException", theirs.create_account, Email="x@example.com", AccountName="x")


@trap
def trusted_access_is_idempotent(aws):
    organizations = aws.organization()
    for _ in range(2):
        organizations.enable_aws_service_access(ServicePrincipal="sso.amazonaws.com")
    found = organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    same([p["ServicePrincipal"] for p in found], ["sso.amazonaws.com"])


# Identity Center

@trap
def an_organization_instance_is_not_made_by_api(aws):
    aws.organization()
    refused("ValidationException", aws.client("sso-admin").create_instance)
    same(aws.client("sso-admin").list_instances()["Instances"], [])


class Directory:
    """An instance of Identity Center with a permission set, and a group that has nobody yet."""

    def __init__(self, aws):
        self.aws, self.admin, self.store = aws, aws.client("sso-admin"), aws.client("identitystore")
        aws.organization()
        found = self.admin.list_instances()["Instances"][0]
        self.instance, self.id = found["InstanceArn"], found["IdentityStoreId"]
        self.group = self.store.create_group(IdentityStoreId=self.id, DisplayName="developers")["GroupId"]

    def set(self, name="Developer"):
        made = self.admin.create_permission_set(InstanceArn=self.instance, Name=name)
        return made["PermissionSet"]["PermissionSetArn"]

    def assign(self, account, permission_set, group=None):
        asked = self.admin.create_account_assignment(
            InstanceArn=self.instance, TargetId=account, TargetType="AWS_ACCOUNT", PermissionSetArn=permission_set,
            PrincipalType="GROUP", PrincipalId=group or self.group,
        )
        return asked["AccountAssignmentCreationStatus"]


@trap_with("--identity-center")
def an_instance_is_in_its_own_region_only(aws):
    it = Directory(aws)
    same(aws.client("sso-admin", region="us-west-2").list_instances()["Instances"], [])
    same(it.admin.list_instances()["Instances"][0]["OwnerAccountId"], MANAGEMENT)


@trap_with("--identity-center")
def a_permission_sets_name_has_32_characters_and_is_taken_once(aws):
    it = Directory(aws)
    refused("ValidationException", it.set, name="x" * 33)
    it.set()
    aws.advance(60)
    refused("ConflictException", it.set)


@trap_with("--identity-center")
def a_write_that_has_not_propagated_is_a_conflict(aws):
    it = Directory(aws)
    made = it.set()
    policy = {"InstanceArn": it.instance, "PermissionSetArn": made, "ManagedPolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    refused("ConflictException", it.admin.attach_managed_policy_to_permission_set, **policy)
    aws.advance(60)
    it.admin.attach_managed_policy_to_permission_set(**policy)
    aws.advance(60)
    refused("ConflictException", it.admin.attach_managed_policy_to_permission_set, **policy)


@trap_with("--identity-center")
def an_assignment_is_asynchronous_and_makes_the_reserved_role(aws):
    it = Directory(aws)
    keys, made = aws.account("dev"), it.set()
    aws.advance(60)
    asked = it.assign(aws.accounts["dev"], made)
    same(asked["Status"], "IN_PROGRESS")
    aws.advance(300)
    of = {"InstanceArn": it.instance, "AccountAssignmentCreationRequestId": asked["RequestId"]}
    polled = it.admin.describe_account_assignment_creation_status(**of)["AccountAssignmentCreationStatus"]
    same(polled["Status"], "SUCCEEDED")
    names = [r["RoleName"] for r in aws.client("iam", keys).list_roles()["Roles"]]
    assert any(n.startswith("AWSReservedSSO_Developer_") for n in names), names


@trap_with("--identity-center")
def a_change_reaches_the_role_only_when_it_is_provisioned(aws):
    it = Directory(aws)
    keys, made = aws.account("dev"), it.set()
    aws.advance(60)
    it.assign(aws.accounts["dev"], made)
    aws.advance(300)
    of = {"InstanceArn": it.instance, "PermissionSetArn": made}
    it.admin.attach_managed_policy_to_permission_set(ManagedPolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess", **of)
    aws.advance(300)
    iam = aws.client("iam", keys)
    name = next(r["RoleName"] for r in iam.list_roles()["Roles"] if r["RoleName"].startswith("AWSReservedSSO_"))
    same(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"], [])
    it.admin.provision_permission_set(TargetType="ALL_PROVISIONED_ACCOUNTS", **of)
    aws.advance(300)
    same(len(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]), 1)


@trap_with("--identity-center")
def ten_outstanding_assignments_at_most(aws):
    it = Directory(aws)
    aws.account("dev")
    sets = [it.set(f"Set{n}") for n in range(11)]
    aws.advance(60)
    for made in sets[:10]:
        it.assign(aws.accounts["dev"], made)
    refused("ThrottlingException", it.assign, account=aws.accounts["dev"], permission_set=sets[10])


@trap_with("--identity-center")
def a_user_name_is_a_uniqueness_conflict(aws):
    it = Directory(aws)
    refused("ConflictException", it.store.create_group, IdentityStoreId=it.id, DisplayName="developers")
    attribute = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "developers"}}
    same(it.store.get_group_id(IdentityStoreId=it.id, AlternateIdentifier=attribute)["GroupId"], it.group)


@trap_with("--identity-center")
def people_from_outside_are_not_written_by_api(aws):
    it = Directory(aws)
    aws.control("settings", external_identity_source=True)
    refused("AccessDeniedException", it.store.create_group, IdentityStoreId=it.id, DisplayName="others")


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
def an_expired_session_is_refused_in_each_protocols_words(aws):
    arn = aws.role("short", {"AWS": MANAGEMENT}, allow("*"))
    aws.advance(60)
    keys = aws.assume(arn, DurationSeconds=900)
    aws.client("ecr", keys).describe_repositories()
    aws.advance(901)
    refused("ExpiredToken", aws.client("sts", keys).get_caller_identity, "expired")
    refused("ExpiredToken", aws.client("iam", keys).list_roles, "expired")
    for service, call in [("ecr", "describe_repositories"), ("appconfig", "list_applications")]:
        refused("ExpiredTokenException", getattr(aws.client(service, keys), call), "expired")
    # The keys that it was made with go on.
    aws.client("ecr").describe_repositories()


@trap
def a_clock_that_is_wrong_by_more_than_five_minutes_is_refused(aws):
    who = lambda: aws.client("sts").get_caller_identity()
    for ahead, words in [(360, "Signature expired"), (-360, "Signature not yet current")]:
        aws.control("ahead", seconds=ahead)
        error = refused("SignatureDoesNotMatch", who, words)
        told = parsedate_to_datetime(error["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
        assert abs(told - time.time() - ahead) < 30, "the answer's date does not tell how wrong the clock is"
        refused("InvalidSignatureException", aws.client("ecr").describe_repositories, words)
    for ahead in (240, -240, 0):
        aws.control("ahead", seconds=ahead)
        who()


@trap
def an_opt_in_region_is_disabled(aws):
    sts = aws.client("sts", region="af-south-1")
    arn = aws.role("any", {"AWS": MANAGEMENT})
    aws.advance(60)
    refused("RegionDisabledException", sts.assume_role, RoleArn=arn, RoleSessionName="trap")


@trap
def nobody_is_known_in_a_region_that_was_not_enabled(aws):
    invalid = "The security token included in the request is invalid"
    far = {"region": "af-south-1"}
    refused("InvalidClientTokenId", aws.client("sts", **far).get_caller_identity, invalid)
    refused("UnrecognizedClientException", aws.client("ecr", **far).describe_repositories, invalid)
    refused("UnrecognizedClientException", aws.client("ecs", region="eu-nowhere-1").list_clusters, invalid)
    aws.client("account").enable_region(RegionName="af-south-1")
    refused("UnrecognizedClientException", aws.client("ecr", **far).describe_repositories, invalid)
    aws.advance(180)
    same(aws.client("ecr", **far).describe_repositories()["repositories"], [])
    aws.client("sts", **far).get_caller_identity()


def by_hand(aws, service, region, body, **headers):
    """Status and body: signed for a service and a Region that no client would choose."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest("POST", f"{aws.endpoint}/", headers, body)
    SigV4Auth(Credentials(*aws.keys[:2]), service, region).add_auth(request)
    status, _, said = http("POST", request.url, None, body, **dict(request.headers))
    return status, said.decode()


@trap
def a_signature_is_for_one_service(aws):
    target = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"
    status, said = by_hand(aws, "ecs", aws.region, b"{}", X_Amz_Target=target)
    same((status, json.loads(said)["__type"]), (400, "InvalidSignatureException"))
    same(json.loads(said)["message"], "Credential should be scoped to correct service: 'ecr'. ")
    same(by_hand(aws, "ecr", aws.region, b"{}", X_Amz_Target=target)[0], 200)


@trap
def a_global_service_is_signed_for_us_east_1(aws):
    form, roles = {"Content_Type": "application/x-www-form-urlencoded"}, b"Action=ListRoles&Version=2010-05-08"
    status, said = by_hand(aws, "iam", "eu-west-1", roles, **form)
    same((status, "<Code>SignatureDoesNotMatch</Code>" in said), (403, True))
    assert "Credential should be scoped to a valid region, not 'eu-west-1'." in said, said
    same(by_hand(aws, "iam", "us-east-1", roles, **form)[0], 200)


@trap
def a_session_policy_scopes_a_broad_role_down(aws):
    arn = aws.role("broad", {"AWS": MANAGEMENT}, allow("*"))
    aws.advance(60)
    keys = aws.assume(arn, Policy=document(allow("iam:ListRoles")))
    aws.client("iam", keys).list_roles()
    refused("AccessDenied", aws.client("iam", keys).list_users, "session policy")
    refused("ValidationError", lambda: aws.assume(arn, Policy=document(allow("x:" + "y" * 2048))))


@trap
def session_tags_want_tag_session(aws):
    arn = aws.role("tagged", {"AWS": MANAGEMENT})
    aws.advance(60)
    refused("AccessDenied", lambda: aws.assume(arn, Tags=[{"Key": "a", "Value": "b"}]), "sts:TagSession")


@trap
def a_source_identity_persists_over_chains(aws):
    statement = {"Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
    iam = aws.client("iam")
    for name in ("first", "second"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(statement))
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=document(allow("sts:*")))
    aws.advance(60)
    arn = f"arn:aws:iam::{MANAGEMENT}:role/"
    keys = aws.assume(f"{arn}first", SourceIdentity="ada")
    second = aws.client("sts", keys).assume_role(RoleArn=f"{arn}second", RoleSessionName="trap")
    same(second["SourceIdentity"], "ada")


@trap
def an_external_id_must_be_the_agreed_one(aws):
    arn = aws.role("vault", {"AWS": MANAGEMENT}, condition={"StringEquals": {"sts:ExternalId": "sesame"}})
    aws.advance(60)
    refused("AccessDenied", lambda: aws.assume(arn))
    refused("AccessDenied", lambda: aws.assume(arn, ExternalId="other"))
    aws.assume(arn, ExternalId="sesame")


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
def principal_arn_is_the_roles_with_its_path(aws):
    arn = f"arn:aws:iam::{MANAGEMENT}:role/foothold/demo/app"
    trusting = aws.role("trusting", {"AWS": MANAGEMENT}, condition={"ArnEquals": {"aws:PrincipalArn": arn}})
    aws.role("app", {"AWS": MANAGEMENT}, allow("sts:AssumeRole"), path="/foothold/demo/")
    aws.advance(60)
    keys = aws.assume(arn)
    same(aws.client("sts", keys).get_caller_identity()["Arn"], f"arn:aws:sts::{MANAGEMENT}:assumed-role/app/trap")
    aws.assume(trusting, keys)


@trap
def principal_org_id_admits_members_and_nobody_else(aws):
    keys = aws.account("dev")
    organization = aws.client("organizations").describe_organization()["Organization"]["Id"]
    ours = aws.role("ours", {"AWS": "*"}, condition={"StringEquals": {"aws:PrincipalOrgID": organization}})
    theirs = aws.role("theirs", {"AWS": "*"}, condition={"StringEquals": {"aws:PrincipalOrgID": "o-other00000"}})
    aws.advance(60)
    aws.assume(ours, keys)
    refused("AccessDenied", lambda: aws.assume(theirs, keys))


@trap
def a_changed_trust_policy_takes_its_time(aws):
    arn = aws.role("role", {"Service": "ecs-tasks.amazonaws.com"})
    aws.advance(60)
    aws.client("iam").update_assume_role_policy(RoleName="role", PolicyDocument=trust({"AWS": MANAGEMENT}))
    refused("AccessDenied", lambda: aws.assume(arn))
    aws.advance(60)
    aws.assume(arn)


@trap
def a_role_just_made_in_another_account_is_no_principal_yet(aws):
    keys = aws.account("dev")
    arn = aws.role("app", {"AWS": MANAGEMENT}, keys=keys)
    refused("MalformedPolicyDocument", lambda: aws.role("trusting", {"AWS": arn}), "Invalid principal in policy")
    aws.advance(60)
    aws.role("trusting", {"AWS": arn})


@trap
def a_policys_resource_is_not_checked(aws):
    nowhere = f"arn:aws:iam::{MANAGEMENT}:role/not-there"
    aws.role("role", {"AWS": MANAGEMENT}, allow("sts:AssumeRole", nowhere))


@trap
def roles_are_found_by_their_path(aws):
    aws.role("mine", {"AWS": MANAGEMENT}, path="/foothold/demo/")
    aws.role("other", {"AWS": MANAGEMENT})
    found = aws.client("iam").list_roles(PathPrefix="/foothold/")["Roles"]
    same([r["RoleName"] for r in found], ["mine"])


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


def push(base, token, tag="v1", content=b"{}", blob=None):
    blob = blob or b"layer " + content
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


@trap
def a_repository_that_is_there_already_exists(aws):
    ecr, _, _ = registry(aws)
    refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="app")


@trap
def a_repository_policy_is_replaced_as_a_whole_and_names_only_who_is_there(aws):
    ecr, _, _ = registry(aws)
    nobody = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT}:role/nobody"}, "Action": "ecr:*"}
    refused("InvalidParameterException", ecr.set_repository_policy, repositoryName="app", policyText=document(nobody))
    for sid in ("first", "second"):
        statement = {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": MANAGEMENT}, "Action": "ecr:BatchGetImage"}
        ecr.set_repository_policy(repositoryName="app", policyText=document([statement]))
    kept = json.loads(ecr.get_repository_policy(repositoryName="app")["policyText"])
    same([s["Sid"] for s in kept["Statement"]], ["second"])


@trap
def a_mount_is_not_one_and_the_client_uploads(aws):
    _, base, token = registry(aws)
    push(base, token)
    aws.client("ecr").create_repository(repositoryName="other")
    other = base.replace("/app", "/other")
    status, headers, _ = http("POST", f"{other}/blobs/uploads/?mount={sha256(b'{}')}&from=app", token, b"")
    same((status, "Location" in headers), (202, True))
    same(http("HEAD", f"{other}/blobs/{sha256(b'{}')}", token)[0], 404)


@trap
def a_layer_is_looked_for_before_it_is_pushed(aws):
    _, base, token = registry(aws)
    same(http("HEAD", f"{base}/blobs/{sha256(b'{}')}", token)[0], 404)
    push(base, token)
    same(http("HEAD", f"{base}/blobs/{sha256(b'{}')}", token)[0], 200)


@trap
def a_repository_that_is_not_there_is_not_made_by_a_push(aws):
    _, base, token = registry(aws)
    same(http("POST", f"{base.replace('/app', '/missing')}/blobs/uploads/", token, b"")[0], 404)


@trap
def a_lifecycle_policy_has_fifty_rules_at_most(aws):
    ecr, _, _ = registry(aws)
    rule = lambda n: {"rulePriority": n, "selection": {"tagStatus": "tagged", "tagPrefixList": [f"v{n}"],
                      "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}
    rules = lambda count: json.dumps({"rules": [rule(n + 1) for n in range(count)]})
    refused("InvalidParameterException", ecr.put_lifecycle_policy, repositoryName="app", lifecyclePolicyText=rules(51))
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=rules(2))
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=rules(1))
    kept = json.loads(ecr.get_lifecycle_policy(repositoryName="app")["lifecyclePolicyText"])
    same(len(kept["rules"]), 1)


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


@trap
def one_deployment_per_environment_whatever_the_profile(aws):
    it = Configured(aws)
    it.version()
    it.deploy(1, "AppConfig.AllAtOnce")
    it.profile = it.client.create_configuration_profile(
        ApplicationId=it.application, Name="other", LocationUri="hosted")["Id"]
    it.version()
    refused("ConflictException", it.deploy, version=1)


@trap
def stop_is_for_what_deploys_and_a_revert_wants_permission(aws):
    it = Configured(aws)
    it.version()
    of = {"ApplicationId": it.application, "EnvironmentId": it.environment}
    number = it.deploy(1, "AppConfig.Linear50PercentEvery30Seconds")
    it.client.stop_deployment(DeploymentNumber=number, **of)
    aws.advance(60)
    same(it.deployment(number), "ROLLED_BACK")
    number = it.deploy(1)
    same(it.deployment(number), "COMPLETE")
    refused("BadRequestException", it.client.stop_deployment, DeploymentNumber=number, **of)
    it.client.stop_deployment(DeploymentNumber=number, AllowRevert=True, **of)
    aws.advance(60)
    same(it.deployment(number), "REVERTED")
    number = it.deploy(1)
    aws.advance(73 * 3600)
    refused("BadRequestException", it.client.stop_deployment, DeploymentNumber=number, AllowRevert=True, **of)


@trap
def a_label_can_be_deployed_and_is_given_once(aws):
    it = Configured(aws)
    it.version(VersionLabel="first-1")
    refused("ConflictException", it.version, VersionLabel="first-1")
    it.deploy("first-1")
    answer = it.data.get_latest_configuration(ConfigurationToken=it.session())
    same((answer["Configuration"].read(), answer["VersionLabel"]), (b'{"limit": 1}', "first-1"))


@trap
def content_over_the_limit_is_too_large(aws):
    it = Configured(aws)
    refused("PayloadTooLargeException", it.version, content=json.dumps({"limit": 1, "x": "y" * (2 << 20)}))


@trap
def a_token_lives_a_day(aws):
    it = Configured(aws)
    it.version()
    it.deploy(1)
    token = it.session()
    aws.advance(86401)
    refused("BadRequestException", it.poll, token=token)


@trap
def a_session_takes_names_or_ids_and_a_policy_only_ids(aws):
    it = Configured(aws)
    it.version()
    it.deploy(1)
    named = it.session()
    by_id = it.data.start_configuration_session(
        ApplicationIdentifier=it.application, EnvironmentIdentifier=it.environment, ConfigurationProfileIdentifier=it.profile,
    )["InitialConfigurationToken"]
    same([it.poll(token)[0] for token in (named, by_id)], [b'{"limit": 1}'] * 2)
    arn = f"arn:aws:appconfig:{aws.region}:{MANAGEMENT}:application/app/environment/dev/configuration/settings"
    role = aws.role("reader", {"AWS": MANAGEMENT}, allow("appconfig:*", arn))
    aws.advance(60)
    it.data = aws.client("appconfigdata", aws.assume(role))
    refused("AccessDeniedException", it.session, f"application/{it.application}/environment/{it.environment}")


@trap
def an_interval_below_fifteen_seconds_is_refused_and_the_agreed_one_is_kept(aws):
    it = Configured(aws)
    it.version()
    it.deploy(1)
    of = {"ApplicationIdentifier": "app", "EnvironmentIdentifier": "dev", "ConfigurationProfileIdentifier": "settings"}
    bare = aws.client("appconfigdata", parameter_validation=False)
    refused("BadRequestException", bare.start_configuration_session, RequiredMinimumPollIntervalInSeconds=14, **of)
    token = it.data.start_configuration_session(RequiredMinimumPollIntervalInSeconds=60, **of)["InitialConfigurationToken"]
    _, token = it.poll(token)
    refused("BadRequestException", it.poll, token=token)


@trap
def what_is_younger_than_an_hour_is_not_protected_unless_asked(aws):
    it = Configured(aws)
    it.client.update_account_settings(DeletionProtection={"Enabled": True, "ProtectionPeriodInMinutes": 60})
    it.version()
    it.deploy(1)
    it.poll(it.session())
    of = {"ApplicationId": it.application, "EnvironmentId": it.environment}
    refused("ConflictException", it.client.delete_environment, DeletionProtectionCheck="APPLY", **of)
    it.client.delete_environment(**of)


@trap
def a_hundred_applications(aws):
    client = aws.client("appconfig")
    for _ in range(100):
        client.create_application(Name="app")
    refused("ServiceQuotaExceededException", client.create_application, Name="app")


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


def express(aws, name="web", keys=None, account=MANAGEMENT):
    ecs = aws.client("ecs", keys)
    for role, service, policy in [
        ("execution", "ecs-tasks", "AmazonECSTaskExecutionRolePolicy"),
        ("infrastructure", "ecs", "AmazonECSInfrastructureRoleforExpressGatewayServices"),
    ]:
        aws.role(role, {"Service": f"{service}.amazonaws.com"}, keys=keys)
        aws.client("iam", keys).attach_role_policy(RoleName=role, PolicyArn=f"arn:aws:iam::aws:policy/service-role/{policy}")
    aws.advance(60)
    try:
        ecs.create_cluster()
    except ClientError:
        aws.advance(60)
        ecs.create_cluster()
    arn = f"arn:aws:iam::{account}:role/"
    create = {
        "serviceName": name, "executionRoleArn": f"{arn}execution", "infrastructureRoleArn": f"{arn}infrastructure",
        "primaryContainer": {"image": f"{aws.endpoint[7:]}/{account}/{aws.region}/app:v1", "containerPort": 5000},
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
def without_a_default_vpc_express_wants_subnets(aws):
    aws.control("settings", default_vpc=False)
    keys = aws.account("dev")
    ecs, create = express(aws, keys=keys, account=aws.accounts["dev"])
    refused("InvalidParameterException", ecs.create_express_gateway_service, "default VPC", **create)
    network = {"subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]}
    ecs.create_express_gateway_service(networkConfiguration=network, **create)


def image(aws, architecture):
    """An image whose only file is no program, pushed as `app:v1`."""
    _, base, token = registry(aws)
    layer, file = io.BytesIO(), tarfile.TarInfo("server")
    file.size, file.mode = 6, 0o755
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(file, io.BytesIO(b"cheese"))
    layer = layer.getvalue()
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {"Entrypoint": ["/server"]},
                         "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]}}).encode()
    same(push(base, token, "v1", config, layer)[0], 201)


def deployed(aws, ecs, service):
    """The service's newest deployment when it is over."""
    for _ in range(300):
        aws.advance(10)
        newest = ecs.list_service_deployments(service=service)["serviceDeployments"][0]["serviceDeploymentArn"]
        found = ecs.describe_service_deployments(serviceDeploymentArns=[newest])["serviceDeployments"][0]
        if "finishedAt" in found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not over: {found}")


@trap
def an_image_for_another_processor_is_an_exec_format_error(aws):
    image(aws, "arm64")
    ecs, create = express(aws)
    arn = ecs.create_express_gateway_service(**create)["service"]["serviceArn"]
    failed = deployed(aws, ecs, arn)
    assert "exec /server: exec format error" in failed["statusReason"], failed["statusReason"]
    assert failed["status"].startswith("ROLLBACK_"), failed["status"]


@trap
def express_rolls_back_what_does_not_come_up(aws):
    ecs, create = express(aws)
    made = ecs.create_express_gateway_service(**create)["service"]
    arn, url = made["serviceArn"], made["activeConfigurations"][0]["ingressPaths"][0]["endpoint"]
    failed = deployed(aws, ecs, arn)
    # There is nothing to go back to, and the service is ACTIVE all the same.
    same(failed["status"], "ROLLBACK_FAILED")
    assert "CannotPullContainerError" in failed["statusReason"], failed["statusReason"]
    same(ecs.describe_express_gateway_service(serviceArn=arn)["service"]["status"]["statusCode"], "ACTIVE")
    same(http("GET", url if "://" in url else f"http://{url}")[0], 503)


@trap
def the_infrastructure_role_removed_too_early_strands_the_load_balancer(aws):
    ecs, create = express(aws)
    made = ecs.create_express_gateway_service(**create)["service"]
    revision = made["activeConfigurations"][0]["serviceRevisionArn"]

    def balancer():
        found = ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]
        return found["ecsManagedResources"]["ingressPaths"][0]["loadBalancer"]

    aws.advance(180)
    same(balancer()["status"], "ACTIVE")
    ecs.delete_express_gateway_service(serviceArn=made["serviceArn"])
    iam, policy = aws.client("iam"), "AmazonECSInfrastructureRoleforExpressGatewayServices"
    iam.detach_role_policy(RoleName="infrastructure", PolicyArn=f"arn:aws:iam::aws:policy/service-role/{policy}")
    iam.delete_role(RoleName="infrastructure")
    for _ in range(100):
        aws.advance(10)
        if balancer()["status"] != "DEPROVISIONING":
            break
        time.sleep(0.05)
    same(balancer()["status"], "FAILED")
    assert "Cannot assume role" in balancer()["statusReason"]


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


@trap
def a_role_that_has_not_propagated_is_not_assumed(aws):
    ecs, create = express(aws)
    aws.role("late", {"Service": "ecs-tasks.amazonaws.com"})
    late = {**create, "executionRoleArn": f"arn:aws:iam::{MANAGEMENT}:role/late"}
    refused("AccessDeniedException", ecs.create_express_gateway_service, "Cannot assume role", **late)
    aws.advance(60)
    ecs.create_express_gateway_service(**late)


@trap
def an_update_tells_its_target_only(aws):
    ecs, create = express(aws)
    arn = ecs.create_express_gateway_service(**create)["service"]["serviceArn"]
    updated = ecs.update_express_gateway_service(serviceArn=arn, cpu="512", memory="1024")["service"]
    same(("targetConfiguration" in updated, "activeConfigurations" in updated), (True, False))


@trap
def what_is_inactive_is_described_for_a_while_and_not_listed(aws):
    ecs, create = express(aws)
    arn = ecs.create_express_gateway_service(**create)["service"]["serviceArn"]
    same(ecs.list_services(resourceManagementType="ECS")["serviceArns"], [arn])
    ecs.delete_express_gateway_service(serviceArn=arn)
    for _ in range(100):
        aws.advance(30)
        if ecs.describe_services(services=[arn])["services"][0]["status"] == "INACTIVE":
            break
        time.sleep(0.05)
    same(ecs.describe_services(services=[arn])["services"][0]["status"], "INACTIVE")
    same(ecs.list_services(resourceManagementType="ECS")["serviceArns"], [])
    refused("ServiceNotActiveException", ecs.delete_express_gateway_service, "INACTIVE", serviceArn=arn)
    missing = arn.rsplit("/", 1)[0] + "/never"
    refused("InvalidParameterException", ecs.delete_express_gateway_service, "not found", serviceArn=missing)


@trap
def an_old_customers_app_runner_works(aws):
    aws.control("settings", app_runner_customers=["aws+old@example.com"])
    keys = aws.account("old")
    runner = aws.client("apprunner", keys)
    role = aws.role("access", {"Service": "build.apprunner.amazonaws.com"}, keys=keys)
    aws.advance(60)
    image = {"ImageIdentifier": f"{aws.endpoint[7:]}/{aws.accounts['old']}/{aws.region}/app:v1", "ImageRepositoryType": "ECR",
             "ImageConfiguration": {"Port": "5000"}}
    source = {"ImageRepository": image, "AuthenticationConfiguration": {"AccessRoleArn": role}, "AutoDeploymentsEnabled": False}
    bare = aws.client("apprunner", keys, parameter_validation=False)
    refused("InvalidRequestException", bare.create_service, ServiceName="abc", SourceConfiguration=source)
    refused("InvalidRequestException", runner.create_service, ServiceName="service", SourceConfiguration={"ImageRepository": image})
    made = runner.create_service(ServiceName="service", SourceConfiguration=source)
    service = made["Service"]
    same(service["Status"], "OPERATION_IN_PROGRESS")
    refused("InvalidStateException", runner.delete_service, ServiceArn=service["ServiceArn"])
    refused("InvalidRequestException", runner.create_service, ServiceName="service", SourceConfiguration=source)
    for _ in range(200):
        aws.advance(30)
        if runner.describe_service(ServiceArn=service["ServiceArn"])["Service"]["Status"] != "OPERATION_IN_PROGRESS":
            break
        time.sleep(0.05)
    same(runner.describe_service(ServiceArn=service["ServiceArn"])["Service"]["Status"], "CREATE_FAILED")
    operations = runner.list_operations(ServiceArn=service["ServiceArn"])["OperationSummaryList"]
    same((operations[0]["Id"], operations[0]["Status"]), (made["OperationId"], "FAILED"))
    runner.delete_service(ServiceArn=service["ServiceArn"])


@trap
def a_fresh_account_may_list_app_runner_services_and_not_make_one(aws):
    same(aws.client("apprunner", aws.account("dev")).list_services()["ServiceSummaryList"], [])


# What is not there

@trap
def what_is_not_implemented_is_never_a_silent_success(aws):
    same(status_of(aws.client("ecr").start_image_scan, repositoryName="app", imageId={"imageTag": "v1"}), 501)
    same(status_of(aws.client("s3").list_buckets), 501)
    same(status_of(aws.client("ec2").describe_instances), 501)
    same(status_of(aws.client("dynamodb").list_tables), 501)


def status_of(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def main(program, wanted=""):
    passed, failed = 0, []
    for function in (t for t in TRAPS if re.search(wanted, t.__name__)):
        aws = Aws(str(pathlib.Path(program).resolve()), *getattr(function, "options", ()))
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
