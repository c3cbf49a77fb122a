#!/usr/bin/env python3
"""The profiles that `cargo xtask` writes, as the AWS CLI and boto3 use them, against a sandbox.

    python3 xtask/tests/profiles.py target/debug/sandbox target/debug/xtask
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "sandbox/tests"))
import identity  # noqa: E402

XTASK = str(pathlib.Path(sys.argv[2]).resolve())
FOOTHOLD = """
name = "ListServices"
region = "eu-west-1"
email = "aws+{account}@example.com"

[config]
account = "config"

[[stage]]
name = "development"

[[people]]
email = "ada@example.com"
name = "Ada Lovelace"
groups = ["developers"]
"""
BOTO3 = "import boto3; print(boto3.Session(profile_name='{}').client('sts').get_caller_identity()['Arn'])"


class Machine:
    """A checkout of the workspace, and a home of its own."""

    def __init__(self, directory, person):
        self.home, self.workspace = directory / person, directory / "workspace"
        self.home.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
            "AWS_EC2_METADATA_DISABLED": "true", "FOOTHOLD_PACE": "0.1",
        }

    def run(self, *command, good=True):
        """What a command prints; both outputs where it is to fail."""
        ran = subprocess.run(command, cwd=self.workspace, env=self.environment, text=True, capture_output=True)
        assert (ran.returncode == 0) == good, f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout if good else ran.stdout + ran.stderr

    def callers(self, profile):
        """Who the AWS CLI and boto3 are by a profile."""
        said = json.loads(self.run("aws", "--profile", profile, "sts", "get-caller-identity"))
        boto = self.run(sys.executable, "-c", BOTO3.format(profile)).strip()
        assert boto == said["Arn"] or said["Arn"].rsplit("/", 1)[0] == boto.rsplit("/", 1)[0], (boto, said)
        return said

    def login(self, *arguments):
        """Signs in as ada, by a scripted browser."""
        command = [XTASK, "login", "--no-browser", *arguments]
        process = subprocess.Popen(command, cwd=self.workspace, env=self.environment, text=True, stderr=subprocess.PIPE)
        said = ""
        for line in process.stderr:
            said += line
            if link := re.match(r"Open (\S+)", line):
                status, headers, page = identity.submit(link[1], {"user": "ada@example.com", "decision": "allow"})
                assert status == (200 if "--device" in arguments else 303), page
                if "location" in headers:
                    status, _, page = identity.browse(headers["location"])
                    assert status == 200 and "You are signed in" in page, page
        assert process.wait() == 0, said

    def session(self):
        [file] = (self.home / ".aws/sso/cache").glob("*.json")
        return file


def by_roles(machine):
    """Whoever administers has a role, taken with the credentials of another profile. Gives the account."""
    program = machine.home / "program"
    program.with_suffix(".rs").write_text("fn main() {}")
    static = ["-C", "target-feature=+crt-static"]
    subprocess.run(["rustc", *static, "-o", program, program.with_suffix(".rs")], check=True)
    (machine.home / ".aws").mkdir()
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    keys = "".join(f"{name.lower()} = {os.environ[name]}\n" for name in keys)
    (machine.home / ".aws/credentials").write_text(f"[admin]\n{keys}")
    machine.run(XTASK, "--profile", "admin", "--binary", str(program), "bootstrap", "--wait", "--yes")
    said = machine.callers("config")
    assert ":assumed-role/OrganizationAccountAccessRole/" in said["Arn"], said
    # The Rust SDK takes the role, too; ours then says that it is not the management account's.
    refused = machine.run(XTASK, "--profile", "config", "status", good=False)
    assert f"these credentials are of account {said['Account']} ({said['Arn'].rsplit('/', 1)[0]}/" in refused, refused
    return said["Account"]


def by_sign_in(machine, account):
    """A developer signs in, by each way, and is who the profile says: denied what is denied, and out when out."""
    aws = ("aws", "--profile", "config")
    for way in ([], ["--device"]):
        machine.login(*way)
        said = machine.callers("config")
        who = r"/AWSReservedSSO_ListServices-config-development_[0-9a-f]{16}/ada@example.com$"
        assert said["Account"] == account and re.search(who, said["Arn"]), said
        machine.run(*aws, "appconfig", "list-applications")
        denied = machine.run(*aws, "iam", "list-roles", good=False)
        assert "AccessDenied" in denied, denied
    renewed_by_them(machine)
    machine.run(XTASK, "logout")
    shutil.rmtree(machine.home / ".aws/cli", ignore_errors=True)
    refused = machine.run(*aws, "sts", "get-caller-identity", good=False)
    assert "Token" in refused, refused


def renewed_by_them(machine):
    """A session that has expired is renewed by botocore from what we keep, and then by us from what botocore keeps."""
    for renew in (lambda: machine.callers("config"), lambda: machine.run(XTASK, "status")):
        shutil.rmtree(machine.home / ".aws/cli", ignore_errors=True)
        before = json.loads(machine.session().read_text())
        machine.session().write_text(json.dumps({**before, "expiresAt": "2026-01-01T00:00:00Z"}))
        renew()
        after = json.loads(machine.session().read_text())
        assert after["accessToken"] != before["accessToken"], "not renewed"
        assert after["refreshToken"] != before["refreshToken"], "not renewed"


def story():
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        workspace = directory / "workspace"
        shutil.copytree(REPOSITORY / "policies", workspace / "policies")
        shutil.copytree(REPOSITORY / "app/config", workspace / "app/config")
        (workspace / "foothold.toml").write_text(FOOTHOLD)
        by_sign_in(Machine(directory, "ada"), by_roles(Machine(directory, "admin")))
    print("profiles: everything as expected")


if __name__ == "__main__":
    identity.with_sandbox(sys.argv[1], story)
