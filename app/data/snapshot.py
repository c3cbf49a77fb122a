#!/usr/bin/env python3
"""Writes services.json: which AWS services each region has, as botocore's endpoint data says.

Usage: pip install --upgrade botocore && python3 app/data/snapshot.py > app/data/services.json

Services by the names of the AWS CLI, public partitions only. A service with one endpoint for a whole partition
is in each of its regions ("*"). What is too new to be in the endpoint data is not listed.
"""

import datetime
import json
import sys

import botocore
import botocore.session

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-eusc")


def prefixes(session):
    """Each service's name and the name that the endpoint data knows it by."""
    return {name: session.get_service_data(name)["metadata"]["endpointPrefix"] for name in session.get_available_services()}


def places(service, regions):
    """The regions of one service in one partition, in order."""
    if not service.get("isRegionalized", True):
        return regions
    return [region for region in regions if region in service["endpoints"]]


def partition(data, names):
    regions = sorted(data["regions"])
    known = data["services"]
    found = {name: places(known[prefix], regions) for name, prefix in sorted(names.items()) if prefix in known}
    services = {name: "*" if where == regions else " ".join(where) for name, where in found.items() if where}
    return {"regions": " ".join(regions), "services": services}


def main():
    session = botocore.session.Session()
    names = prefixes(session)
    endpoints = session.get_data("endpoints")["partitions"]
    snapshot = {
        "date": datetime.date.today().isoformat(),
        "source": f"botocore {botocore.__version__}",
        "partitions": [partition(data, names) for data in endpoints if data["partition"] in PARTITIONS],
    }
    json.dump(snapshot, sys.stdout, indent=0, separators=(",", ":"))
    print()


main()
