"""The tutorial's app, for comparison only: it assumes the role and reads AppConfig within every request, as the tutorial's does.

Faithful in its faults too: with the limit off the last service is missing, and a configuration that cannot be
read is a 500.
"""

import json
import os

import boto3
from flask import Flask, jsonify

app = Flask(__name__)


def read_configuration():
    """Assumes the reading role and starts a new configuration session."""
    role = boto3.client("sts").assume_role(
        RoleArn=os.environ["APPCONFIGREADROLE"], RoleSessionName="AppConfigListServicesAccessRoleSession"
    )["Credentials"]
    appconfig = boto3.client(
        "appconfigdata",
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    )
    session = appconfig.start_configuration_session(
        ApplicationIdentifier=os.environ["APPCONFIGAPPNAME"],
        EnvironmentIdentifier=os.environ["APPCONFIGENV"],
        ConfigurationProfileIdentifier=os.environ["APPCONFIGCONF"],
    )
    latest = appconfig.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
    return json.loads(latest["Configuration"].read())


@app.route("/")
def list_services():
    configuration = read_configuration()
    services = boto3.session.Session().get_available_services()
    if configuration["boolEnableLimitResults"]:
        return jsonify(services[0 : configuration["intResultLimit"]])
    return jsonify(services[0:-1])


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT", "5000")))
