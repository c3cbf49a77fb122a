#!/usr/bin/env python3
"""Writes services.json: which AWS services each region has, as botocore's endpoint data says.

Usage: pip install --upgrade botocore && python3 app/data/snapshot.py > app/data/services.json

Only the public partitions. A service with one endpoint for a whole partition ("*") is in each of its regions.
"""

import datetime
import json
import sys

import botocore
import botocore.loaders

PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-eusc")


def places(service, regions):
    """The regions of one service in one partition, in order."""
    if not service.get("isRegionalized", True):
        return regions
    return [region for region in regions if region in service["endpoints"]]


def partition(data):
    regions = sorted(data["regions"])
    found = {name: places(service, regions) for name, service in sorted(data["services"].items())}
    services = {name: "*" if where == regions else " ".join(where) for name, where in found.items() if where}
    return {"regions": " ".join(regions), "services": services}


def main():
    endpoints = botocore.loaders.Loader().load_data("endpoints")
    snapshot = {
        "date": datetime.date.today().isoformat(),
        "source": f"botocore {botocore.__version__}",
        "partitions": [partition(data) for data in endpoints["partitions"] if data["partition"] in PARTITIONS],
    }
    json.dump(snapshot, sys.stdout, indent=0, separators=(",", ":"))
    print()


main()
