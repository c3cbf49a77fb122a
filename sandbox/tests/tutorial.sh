#!/usr/bin/env bash
# The tutorial by hand: every step with the AWS CLI and skopeo against a sandbox, none of our code on the client's side.
set -euo pipefail
# shellcheck source=common.sh
source "$(dirname "$0")/common.sh"
start_sandbox
region=eu-west-1

step "A1. an organization with all features, and its units"
is "$(text default Organization.FeatureSet organizations create-organization)" ALL
refused AlreadyInOrganizationException aws organizations create-organization
parent=$(text default 'Roots[0].Id' organizations list-roots)
unit() { text default OrganizationalUnit.Id organizations create-organizational-unit --parent-id "$parent" --name "$1"; }
deployments=$(unit Deployments)
workloads=$(unit Workloads)
refused DuplicateOrganizationalUnitException aws organizations create-organizational-unit --parent-id "$parent" --name Workloads

step "A2. member accounts, each with its own address, moved into their units"
ask_for() {
  text default CreateAccountStatus.Id organizations create-account --account-name "$1" --email "aws+$1@example.com"
}
request() { eventually 60 ask_for "$1"; cat "$work/said"; }
state() {
  text default 'CreateAccountStatus.State' organizations describe-create-account-status --create-account-request-id "$1"
}
made() {
  becomes 60 SUCCEEDED state "$1"
  text default 'CreateAccountStatus.AccountId' organizations describe-create-account-status --create-account-request-id "$1"
}
config_request=$(request config)
dev_request=$(request dev)
config=$(made "$config_request")
dev=$(made "$dev_request")
move() {
  aws organizations move-account --account-id "$1" --source-parent-id "$parent" --destination-parent-id "$2"
}
eventually 20 move "$config" "$deployments"
eventually 20 move "$dev" "$workloads"
is "$(text default 'Accounts[].Id' organizations list-accounts-for-parent --parent-id "$workloads")" "$dev"
again=$(request dev)
becomes 60 FAILED state "$again"
reason=$(text default 'CreateAccountStatus.FailureReason' organizations describe-create-account-status --create-account-request-id "$again")
is "$reason" EMAIL_ALREADY_EXISTS

step "A3, A4. a profile for each account, by its access role"
profile() {
  aws configure set role_arn "arn:aws:iam::$2:role/OrganizationAccountAccessRole" --profile "$1"
  aws configure set source_profile default --profile "$1"
  aws configure set region "$region" --profile "$1"
}
profile config "$config"
profile dev "$dev"
whoami() { text "$1" Account sts get-caller-identity; }
becomes 60 "$config" whoami config
becomes 60 "$dev" whoami dev

step "B5. a repository in the configuration account"
uri=$(text config repository.repositoryUri ecr create-repository --repository-name listservices)
refused RepositoryAlreadyExistsException aws --profile config ecr create-repository --repository-name listservices
is "$uri" "$(text config 'repositories[0].repositoryUri' ecr describe-repositories --repository-names listservices)"

step "B6. the app's image, pushed"
strip -o "$work/app" "$APP"
digest=$(python3 "$root/sandbox/tests/layout.py" "$work/app" "$work/layout")
login() {
  aws --profile "$1" ecr get-login-password | skopeo login --authfile "$work/$1.json" --tls-verify=false -u AWS --password-stdin "$host"
}
login config
copy() {
  skopeo --insecure-policy copy --quiet --authfile "$work/$1.json" --src-tls-verify=false --dest-tls-verify=false "$2" "$3"
}
copy config "oci:$work/layout:v1" "docker://$uri:latest"
is "$(text config 'imageDetails[0].imageDigest' ecr describe-images --repository-name listservices)" "$digest"

step "B7. a repository policy, so that the stage account pulls and cannot push"
login dev
if copy dev "docker://$uri:latest" "oci:$work/pulled:v1" 2>"$work/said"; then fail "pulled without a repository policy"; fi
cat >"$work/policy.json" <<JSON
{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$dev:root"},
  "Action": ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"]}]}
JSON
aws --profile config ecr set-repository-policy --repository-name listservices --policy-text "file://$work/policy.json" >"$work/said"
copy dev "docker://$uri:latest" "oci:$work/pulled:v1"
cmp "$work/layout/blobs/sha256/${digest#sha256:}" "$work/pulled/blobs/sha256/${digest#sha256:}"
if copy dev "oci:$work/layout:v1" "docker://$uri:mine" 2>"$work/said"; then fail "the puller pushed"; fi
contains "$(cat "$work/said")" denied

step "C8, C9, C10. application, environments, profile with its validator"
application=$(text config Id appconfig create-application --name ListServices)
environment() { text config Id appconfig create-environment --application-id "$application" --name "$1"; }
development=$(environment development)
testing=$(environment testing)
production=$(environment production)
cat >"$work/schema.json" <<'JSON'
{"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "additionalProperties": false,
 "properties": {"boolEnableLimitResults": {"type": "boolean"}, "intResultLimit": {"type": "number"}},
 "required": ["boolEnableLimitResults", "intResultLimit"]}
JSON
python3 - "$work" <<'PYTHON'
import json, pathlib, sys
work = pathlib.Path(sys.argv[1])
(work / "validators.json").write_text(json.dumps([{"Type": "JSON_SCHEMA", "Content": (work / "schema.json").read_text()}]))
PYTHON
profile_id=$(text config Id appconfig create-configuration-profile --application-id "$application" \
  --name ListServicesAppConfigConfigProfile --location-uri hosted --validators "file://$work/validators.json")
version() {
  printf '%s' "$1" >"$work/content.json"
  text config VersionNumber appconfig create-hosted-configuration-version --application-id "$application" \
    --configuration-profile-id "$profile_id" --content-type application/json --content "fileb://$work/content.json" "$work/back.json"
}
is "$(version '{"boolEnableLimitResults": false, "intResultLimit": 10}')" 1
refused BadRequestException version '{"boolEnableLimitResults": "no", "intResultLimit": 10}'

step "C11. version 1 deployed to development"
deploy() {
  text config DeploymentNumber appconfig start-deployment --application-id "$application" --environment-id "$development" \
    --configuration-profile-id "$profile_id" --configuration-version "$1" --deployment-strategy-id "$2"
}
deployment() {
  text config State appconfig get-deployment --application-id "$application" --environment-id "$development" --deployment-number "$1"
}
is "$(deploy 1 AppConfig.AllAtOnce)" 1
is "$(deployment 1)" BAKING
refused ConflictException deploy 1 AppConfig.AllAtOnce
becomes 60 COMPLETE deployment 1

step "D12. the role that reads the configuration"
arn=arn:aws:appconfig:$region:$config:application/$application/environment/$development/configuration/$profile_id
create_role() { # PROFILE NAME PRINCIPAL
  local trust='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": %s, "Action": "sts:AssumeRole"}]}'
  # shellcheck disable=SC2059
  text "$1" Role.Arn iam create-role --role-name "$2" --assume-role-policy-document "$(printf "$trust" "$3")"
}
put_policy() { # PROFILE ROLE NAME ACTIONS RESOURCE
  aws --profile "$1" iam put-role-policy --role-name "$2" --policy-name "$3" --policy-document \
    "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": $4, \"Resource\": \"$5\"}]}"
}
read_role=$(create_role config AppConfigListServicesAccessRole "{\"AWS\": \"arn:aws:iam::$dev:root\"}")
put_policy config AppConfigListServicesAccessRole AppConfigListServicesAccessPolicy \
  '["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"]' "$arn"

step "D13. the roles in the stage account"
app_role=$(create_role dev AppRunnerListServicesCrossConfigRole '{"Service": "ecs-tasks.amazonaws.com"}')
put_policy dev AppRunnerListServicesCrossConfigRole AssumeAppConfigListServicesAccessPolicy '["sts:AssumeRole"]' "$read_role"
execution_role=$(create_role dev execution '{"Service": "ecs-tasks.amazonaws.com"}')
infrastructure_role=$(create_role dev infrastructure '{"Service": "ecs.amazonaws.com"}')
attach() {
  aws --profile dev iam attach-role-policy --role-name "$1" --policy-arn "arn:aws:iam::aws:policy/service-role/$2"
}
attach execution AmazonECSTaskExecutionRolePolicy
attach infrastructure AmazonECSInfrastructureRoleforExpressGatewayServices

step "E14. App Runner is closed to a new account; ECS runs the service"
refused AccessDeniedException aws --profile dev apprunner create-service --service-name ListServices \
  --source-configuration "ImageRepository={ImageIdentifier=$dev.dkr.ecr.$region.amazonaws.com/listservices:latest,ImageRepositoryType=ECR}"
cat >"$work/container.json" <<JSON
{"image": "$uri@$digest", "containerPort": 5000, "environment": [
  {"name": "APPCONFIGAPPNAME", "value": "ListServices"},
  {"name": "APPCONFIGCONF", "value": "ListServicesAppConfigConfigProfile"},
  {"name": "APPCONFIGENV", "value": "development"},
  {"name": "APPCONFIGREADROLE", "value": "$read_role"}]}
JSON
create_service() {
  text dev service.serviceArn ecs create-express-gateway-service --service-name ListServices \
    --execution-role-arn "$execution_role" --infrastructure-role-arn "$infrastructure_role" --task-role-arn "$app_role" \
    --health-check-path /healthz --primary-container "file://$work/container.json"
}
eventually 60 create_service
service=$(tail -n 1 "$work/said")
is "$(text dev 'service.status.statusCode' ecs describe-express-gateway-service --service-arn "$service")" ACTIVE
newest() { text dev 'serviceDeployments[0].status' ecs list-service-deployments --service "$service"; }
becomes 60 SUCCESSFUL newest

step "E15. its URL lists all services of the region"
url=$(text dev 'service.activeConfigurations[0].ingressPaths[0].endpoint' ecs describe-express-gateway-service --service-arn "$service")
answers() { curl --silent --fail --max-time 5 "${url%/}/" | python3 -c "$1"; }
counted='import json, sys; it = json.load(sys.stdin); print(len(it["services"]), it["total"], it["version"])'
eventually 60 answers "$counted"
read -r shown total version_label <"$work/said"
is "$shown" "$total"
[ "$total" -gt 100 ] || fail "only $total services"
echo "  $url: $total services, configuration version $version_label"

step "F16. the configuration is changed, and nothing is restarted"
started=$(text dev 'length(taskArns)' ecs list-tasks --service-name ListServices)
quick=$(text config Id appconfig create-deployment-strategy --name quick --deployment-duration-in-minutes 0 \
  --growth-factor 100 --final-bake-time-in-minutes 0 --replicate-to NONE)
is "$(version '{"boolEnableLimitResults": true, "intResultLimit": 10}')" 2
deploy 2 "$quick" >"$work/said"
becomes 30 COMPLETE deployment 2
first_ten() { [ "$(answers "$counted" | cut -d' ' -f1)" = 10 ]; }
eventually 45 first_ten
is "$(text dev 'length(taskArns)' ecs list-tasks --service-name ListServices)" "$started"
is "$(text dev 'length(serviceDeployments)' ecs list-service-deployments --service "$service")" 1

step "G17. clean-up: the service and its roles"
aws --profile dev ecs delete-express-gateway-service --service-arn "$service" >"$work/said"
status() { text dev 'services[0].status' ecs describe-services --services "$service"; }
becomes 120 INACTIVE status
if curl --silent --fail --max-time 5 "$url" >"$work/said"; then fail "it still answers"; fi
aws --profile dev iam delete-role-policy --role-name AppRunnerListServicesCrossConfigRole --policy-name AssumeAppConfigListServicesAccessPolicy
detach() {
  aws --profile dev iam detach-role-policy --role-name "$1" --policy-arn "arn:aws:iam::aws:policy/service-role/$2"
}
refused DeleteConflict aws --profile dev iam delete-role --role-name execution
detach execution AmazonECSTaskExecutionRolePolicy
detach infrastructure AmazonECSInfrastructureRoleforExpressGatewayServices
for role in AppRunnerListServicesCrossConfigRole execution infrastructure; do aws --profile dev iam delete-role --role-name "$role"; done

step "G17. clean-up: repository, application and read role"
refused RepositoryNotEmptyException aws --profile config ecr delete-repository --repository-name listservices
aws --profile config ecr delete-repository --repository-name listservices --force >"$work/said"
aws --profile config iam delete-role-policy --role-name AppConfigListServicesAccessRole --policy-name AppConfigListServicesAccessPolicy
aws --profile config iam delete-role --role-name AppConfigListServicesAccessRole
remove() { aws --profile config appconfig "$@"; }
refused BadRequestException remove delete-application --application-id "$application"
for number in 1 2; do
  remove delete-hosted-configuration-version --application-id "$application" --configuration-profile-id "$profile_id" --version-number "$number"
done
remove delete-configuration-profile --application-id "$application" --configuration-profile-id "$profile_id"
for id in "$development" "$testing" "$production"; do remove delete-environment --application-id "$application" --environment-id "$id"; done
remove delete-application --application-id "$application"
remove delete-deployment-strategy --deployment-strategy-id "$quick"
is "$(text config 'Items' appconfig list-applications)" ""

step "G17. the accounts are closed on request, and say so"
aws organizations close-account --account-id "$dev"
account_state() { text default Account.State organizations describe-account --account-id "$dev"; }
becomes 60 SUSPENDED account_state
echo "the tutorial by hand: done in $SECONDS s"
