"""Makes the API models beside this file from botocore's (Apache-2.0), without documentation.

    pip install botocore && python sandbox/models/trim.py

Operations listed here keep their shapes, so that requests are decoded, checked and answered from the model.
Of every other operation only the name stays: the sandbox answers 501 and says which one it was.
"""
import json
import pathlib

import botocore
import botocore.loaders

KEEP = {
    "organizations": """CreateOrganization DescribeOrganization DeleteOrganization ListRoots CreateOrganizationalUnit
        UpdateOrganizationalUnit DescribeOrganizationalUnit DeleteOrganizationalUnit ListOrganizationalUnitsForParent
        ListAccountsForParent ListChildren ListParents CreateAccount DescribeCreateAccountStatus ListCreateAccountStatus
        ListAccounts DescribeAccount MoveAccount CloseAccount RemoveAccountFromOrganization TagResource UntagResource
        ListTagsForResource EnableAWSServiceAccess DisableAWSServiceAccess ListAWSServiceAccessForOrganization
        EnableAllFeatures""",
    "sts": """GetCallerIdentity AssumeRole AssumeRoleWithWebIdentity GetSessionToken GetAccessKeyInfo
        DecodeAuthorizationMessage""",
    "iam": """CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription DeleteRole UpdateAssumeRolePolicy
        PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy AttachRolePolicy DetachRolePolicy
        ListAttachedRolePolicies TagRole UntagRole ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary
        CreatePolicy GetPolicy GetPolicyVersion ListPolicies ListPolicyVersions DeletePolicy ListEntitiesForPolicy
        CreateServiceLinkedRole DeleteServiceLinkedRole GetServiceLinkedRoleDeletionStatus
        CreateUser GetUser ListUsers DeleteUser PutUserPolicy GetUserPolicy ListUserPolicies DeleteUserPolicy
        AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies CreateAccessKey ListAccessKeys UpdateAccessKey
        DeleteAccessKey CreateAccountAlias ListAccountAliases GetAccountSummary SimulatePrincipalPolicy
        ListInstanceProfilesForRole GetAccountAuthorizationDetails""",
    "ecr": """CreateRepository DescribeRepositories DeleteRepository SetRepositoryPolicy GetRepositoryPolicy
        DeleteRepositoryPolicy PutLifecyclePolicy GetLifecyclePolicy DeleteLifecyclePolicy PutImageTagMutability
        PutImageScanningConfiguration GetAuthorizationToken ListImages DescribeImages BatchGetImage BatchDeleteImage
        BatchCheckLayerAvailability GetDownloadUrlForLayer PutImage TagResource UntagResource ListTagsForResource
        InitiateLayerUpload UploadLayerPart CompleteLayerUpload GetRegistryScanningConfiguration
        PutRegistryScanningConfiguration BatchGetRepositoryScanningConfiguration DescribeRegistry GetAccountSetting
        PutAccountSetting""",
    "appconfig": "*",
    "appconfigdata": "*",
    "ecs": """CreateExpressGatewayService DescribeExpressGatewayService UpdateExpressGatewayService
        DeleteExpressGatewayService CreateCluster DescribeClusters ListClusters DeleteCluster ListServices
        DescribeServices DeleteService UpdateService ListServiceDeployments DescribeServiceDeployments
        StopServiceDeployment DescribeServiceRevisions ListTasks DescribeTasks StopTask RegisterTaskDefinition
        DescribeTaskDefinition ListTaskDefinitions DeregisterTaskDefinition TagResource UntagResource
        ListTagsForResource""",
    "apprunner": """CreateService DescribeService UpdateService DeleteService ListServices PauseService ResumeService
        StartDeployment ListOperations TagResource UntagResource ListTagsForResource
        CreateAutoScalingConfiguration DescribeAutoScalingConfiguration ListAutoScalingConfigurations
        DeleteAutoScalingConfiguration""",
    "logs": """CreateLogGroup DescribeLogGroups DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy CreateLogStream
        DescribeLogStreams DeleteLogStream PutLogEvents GetLogEvents FilterLogEvents TagResource UntagResource
        ListTagsForResource TagLogGroup UntagLogGroup ListTagsLogGroup""",
    "account": """GetRegionOptStatus ListRegions EnableRegion DisableRegion GetContactInformation GetAccountInformation""",
    "service-quotas": "GetServiceQuota ListServiceQuotas GetAWSDefaultServiceQuota",
    "sso-admin": """ListInstances DescribeInstance CreateInstance CreatePermissionSet DescribePermissionSet
        ListPermissionSets UpdatePermissionSet DeletePermissionSet AttachManagedPolicyToPermissionSet
        DetachManagedPolicyFromPermissionSet ListManagedPoliciesInPermissionSet PutInlinePolicyToPermissionSet
        GetInlinePolicyForPermissionSet DeleteInlinePolicyFromPermissionSet ProvisionPermissionSet
        DescribePermissionSetProvisioningStatus ListPermissionSetProvisioningStatus CreateAccountAssignment
        DescribeAccountAssignmentCreationStatus ListAccountAssignmentCreationStatus DeleteAccountAssignment
        DescribeAccountAssignmentDeletionStatus ListAccountAssignmentDeletionStatus ListAccountAssignments
        ListAccountAssignmentsForPrincipal ListAccountsForProvisionedPermissionSet
        ListPermissionSetsProvisionedToAccount TagResource UntagResource ListTagsForResource""",
    "identitystore": """CreateUser DescribeUser ListUsers UpdateUser DeleteUser GetUserId CreateGroup DescribeGroup
        ListGroups UpdateGroup DeleteGroup GetGroupId CreateGroupMembership ListGroupMemberships
        ListGroupMembershipsForMember GetGroupMembershipId DeleteGroupMembership IsMemberInGroups
        DescribeGroupMembership""",
    "sso": "*",
    "sso-oidc": "*",
}
# Patterns of AWS's that an address of the sandbox's own registry would not match, with what is let in besides.
LOOSER = {("apprunner", "ImageIdentifier"): r"|(^127\.0\.0\.1:[0-9]+\/.+)"}
SHAPE = ("type members required member key value enum pattern min max payload error exception location locationName "
         "flattened timestampFormat streaming wrapper box sensitive xmlNamespace resultWrapper idempotencyToken jsonvalue "
         "document union xmlAttribute requiresLength").split()


def shape(s):
    s = {k: v for k, v in s.items() if k in SHAPE}
    if "members" in s:
        s["members"] = {n: {k: v for k, v in m.items() if k == "shape" or k in SHAPE} for n, m in s["members"].items()}
    for part in ("member", "key", "value"):
        if part in s:
            s[part] = {k: v for k, v in s[part].items() if k == "shape" or k in SHAPE}
    return s


def reach(name, shapes, seen):
    if name in seen:
        return
    seen.add(name)
    s = shapes[name]
    for m in list(s.get("members", {}).values()) + [s[p] for p in ("member", "key", "value") if p in s]:
        reach(m["shape"], shapes, seen)


def trim(service):
    model = botocore.loaders.Loader().load_service_model(service, "service-2")
    keep = model["operations"] if KEEP[service] == "*" else KEEP[service].split()
    operations, seen = {}, set()
    for name in sorted(keep):
        op = model["operations"][name]
        operations[name] = {
            "http": op["http"],
            "authtype": op.get("authtype"),
            "input": op.get("input"),
            "output": op.get("output"),
            "errors": [e["shape"] for e in op.get("errors", [])],
        }
        operations[name] = {k: v for k, v in operations[name].items() if v}
        for s in [op[k]["shape"] for k in ("input", "output") if k in op] + operations[name].get("errors", []):
            reach(s, model["shapes"], seen)
    # Every error the service has: some are answered by operations whose model does not list them.
    for name, s in model["shapes"].items():
        if s.get("exception"):
            reach(name, model["shapes"], seen)
    for (of, name), pattern in LOOSER.items():
        if of == service:
            model["shapes"][name]["pattern"] += pattern
    wanted = "apiVersion endpointPrefix jsonVersion protocol serviceId signingName targetPrefix xmlNamespace".split()
    return {
        "botocore": botocore.__version__,
        "metadata": {k: v for k, v in model["metadata"].items() if k in wanted},
        "operations": operations,
        "others": sorted(set(model["operations"]) - set(keep)),
        "shapes": {n: shape(model["shapes"][n]) for n in sorted(seen)},
    }


if __name__ == "__main__":
    for service in KEEP:
        text = json.dumps(trim(service), separators=(",", ":"), ensure_ascii=False)
        # One shape or operation a line, so that an update can be read as a diff.
        for mark in ('"metadata":', '"operations":', '"others":', '"shapes":'):
            text = text.replace("," + mark, ",\n" + mark)
        pathlib.Path(__file__).with_name(service + ".json").write_text(text + "\n")
