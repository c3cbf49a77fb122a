"""Identity Center against a running sandbox, with boto3 alone: people, permission sets, assignments, both sign-ins.

    python3 sandbox/tests/identity.py target/debug/sandbox
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECT = "http://127.0.0.1:7777/oauth/callback"


def eventually(what, attempt, seconds=60):
    """Asks until there is an answer; a conflict and a throttle are asked again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = attempt()
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ConflictException", "ThrottlingException", "FinalizingOrganizationException"):
                raise
            answer = None
        if answer:
            return answer
        time.sleep(0.05)
    raise SystemExit(f"not in {seconds} s: {what}")


def refused(code, attempt):
    try:
        attempt()
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found} instead of {code}: {error}"
        return
    raise SystemExit(f"expected {code}")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def browse(url, form=None):
    """One page: status, headers, text. Redirects are not followed."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    body = urllib.parse.urlencode(form).encode() if form else None
    try:
        answer = opener.open(url, body)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read().decode()


def submit(url, choice):
    """Fills in the form of a page as a person would, and sends it."""
    status, _, html = browse(url)
    assert status == 200, html
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', html))
    form = {name: value.replace("&amp;", "&") for name, value in form.items()}
    form.update(choice)
    action = re.search(r'action="([^"]+)"', html).group(1)
    return browse(urllib.parse.urljoin(url, action), form)


def account(organizations, name):
    email = f"{name}@example.org"
    status = eventually("a creation", lambda: organizations.create_account(Email=email, AccountName=name))
    id = status["CreateAccountStatus"]["Id"]

    def done():
        status = organizations.describe_create_account_status(CreateAccountRequestId=id)["CreateAccountStatus"]
        assert status["State"] != "FAILED", status
        return status.get("AccountId")

    return eventually("an account", done)


def people(store, id):
    group = store.create_group(IdentityStoreId=id, DisplayName="developers")["GroupId"]
    refused("ConflictException", lambda: store.create_group(IdentityStoreId=id, DisplayName="Developers"))
    name = {"GivenName": "Ada", "FamilyName": "Lovelace"}
    user = store.create_user(IdentityStoreId=id, UserName="ada", DisplayName="Ada", Name=name)["UserId"]
    store.create_group_membership(IdentityStoreId=id, GroupId=group, MemberId={"UserId": user})
    attribute = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "developers"}}
    assert store.get_group_id(IdentityStoreId=id, AlternateIdentifier=attribute)["GroupId"] == group
    return group


def permission_set(admin, instance):
    made = admin.create_permission_set(InstanceArn=instance, Name="Developer", SessionDuration="PT2H")
    arn = made["PermissionSet"]["PermissionSetArn"]
    policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    where = {"InstanceArn": instance, "PermissionSetArn": arn}
    eventually("a policy", lambda: admin.attach_managed_policy_to_permission_set(**where, ManagedPolicyArn=policy))
    attached = admin.list_managed_policies_in_permission_set(**where)["AttachedManagedPolicies"]
    assert [p["Arn"] for p in attached] == [policy]
    return arn


def assign(admin, instance, target):
    begun = eventually("an assignment", lambda: admin.create_account_assignment(InstanceArn=instance, **target))
    id = begun["AccountAssignmentCreationStatus"]["RequestId"]

    def done():
        status = admin.describe_account_assignment_creation_status(
            InstanceArn=instance, AccountAssignmentCreationRequestId=id
        )["AccountAssignmentCreationStatus"]
        assert status["Status"] != "FAILED", status
        return status["Status"] == "SUCCEEDED"

    eventually("a role", done)


def by_device(oidc, start):
    client = oidc.register_client(clientName="story", clientType="public", scopes=["sso:account:access"])
    who = {"clientId": client["clientId"], "clientSecret": client["clientSecret"]}
    device = oidc.start_device_authorization(**who, startUrl=start)
    ask = lambda: oidc.create_token(**who, grantType=DEVICE, deviceCode=device["deviceCode"])
    refused("AuthorizationPendingException", ask)
    refused("SlowDownException", ask)
    status, _, html = submit(device["verificationUriComplete"], {"user": "ada", "decision": "allow"})
    assert status == 200 and "approved" in html, html
    return ask()["accessToken"]


def by_code(oidc, start):
    client = oidc.register_client(
        clientName="story",
        clientType="public",
        scopes=["sso:account:access"],
        grantTypes=["authorization_code", "refresh_token"],
        redirectUris=["http://127.0.0.1/oauth/callback"],
        issuerUrl=start,
    )
    who = {"clientId": client["clientId"], "clientSecret": client["clientSecret"]}
    verifier = base64.urlsafe_b64encode(os.urandom(40)).decode().rstrip("=")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": who["clientId"], "redirect_uri": REDIRECT, "state": "s t&a",
        "code_challenge": challenge, "code_challenge_method": "S256", "scopes": "sso:account:access",
    })
    status, headers, html = submit(f"{client['authorizationEndpoint']}?{query}", {"user": "ada", "decision": "allow"})
    assert status == 303, html
    answer = urllib.parse.parse_qs(urllib.parse.urlparse(headers["location"]).query)
    assert answer["state"] == ["s t&a"], answer
    exchange = lambda v: oidc.create_token(
        **who, grantType="authorization_code", code=answer["code"][0], codeVerifier=v, redirectUri=REDIRECT
    )
    tokens = exchange(verifier)
    refused("InvalidGrantException", lambda: exchange(verifier))
    refresh = lambda: oidc.create_token(**who, grantType="refresh_token", refreshToken=tokens["refreshToken"])
    access = refresh()["accessToken"]
    refused("InvalidGrantException", refresh)
    return access


def session(credentials):
    return boto3.Session(
        aws_access_key_id=credentials["accessKeyId"],
        aws_secret_access_key=credentials["secretAccessKey"],
        aws_session_token=credentials["sessionToken"],
    )


def main():
    unsigned = Config(signature_version=UNSIGNED)
    admin, store = boto3.client("sso-admin"), boto3.client("identitystore")
    oidc, portal = boto3.client("sso-oidc", config=unsigned), boto3.client("sso", config=unsigned)
    organizations = boto3.client("organizations")
    try:
        organizations.create_organization()
    except organizations.exceptions.AlreadyInOrganizationException:
        pass
    instance = eventually("an instance", lambda: admin.list_instances()["Instances"])[0]
    elsewhere = boto3.client("sso-admin", region_name="us-west-2").list_instances()["Instances"]
    assert elsewhere == [], elsewhere
    start = f"https://{instance['IdentityStoreId']}.awsapps.com/start"
    dev, production = account(organizations, "dev"), account(organizations, "production")
    group = people(store, instance["IdentityStoreId"])
    developer = permission_set(admin, instance["InstanceArn"])
    target = {
        "TargetId": dev, "TargetType": "AWS_ACCOUNT", "PermissionSetArn": developer,
        "PrincipalType": "GROUP", "PrincipalId": group,
    }
    assign(admin, instance["InstanceArn"], target)
    for token in (by_device(oidc, start), by_code(oidc, start)):
        accounts = portal.list_accounts(accessToken=token)["accountList"]
        assert [a["accountId"] for a in accounts] == [dev], accounts
        roles = portal.list_account_roles(accessToken=token, accountId=dev)["roleList"]
        assert [r["roleName"] for r in roles] == ["Developer"], roles
        where = {"accessToken": token, "roleName": "Developer"}
        person = session(portal.get_role_credentials(**where, accountId=dev)["roleCredentials"])
        who = person.client("sts").get_caller_identity()
        assert who["Account"] == dev and re.search(r"/AWSReservedSSO_Developer_[0-9a-f]{16}/ada$", who["Arn"]), who
        eventually("read access", lambda: person.client("iam").list_roles()["Roles"])
        refused("AccessDenied", lambda: person.client("iam").create_role(RoleName="x", AssumeRolePolicyDocument="{}"))
        refused("ForbiddenException", lambda: portal.get_role_credentials(**where, accountId=production))
        portal.logout(accessToken=token)
        refused("UnauthorizedException", lambda: portal.list_accounts(accessToken=token))
    print("identity: everything as expected")


def with_sandbox(program, story):
    """Tells a story against a sandbox of its own, which ends with it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [program, "--directory", directory, "--until-stdin-ends", "--scale", "60", "--identity-center"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = json.loads(process.stdout.readline())
        os.environ.update(
            AWS_ENDPOINT_URL=said["endpoint"], AWS_DEFAULT_REGION=said["region"], AWS_CONFIG_FILE=os.devnull,
            AWS_ACCESS_KEY_ID=said["access_key_id"], AWS_SECRET_ACCESS_KEY=said["secret_access_key"],
        )
        try:
            story()
        finally:
            process.stdin.close()
            process.wait(20)


if __name__ == "__main__":
    with_sandbox(sys.argv[1], main)
