//! Who may do what to what: every line is asked for real, and what is refused has changed nothing.

use crate::world::{self, Aws};
use aws_config::SdkConfig;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sandbox::services::iam;
use sandbox::{auth, snapshot};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Principal | action | resource | answer. Answers but `allowed` are AWS's code, then the end of its sentence: who is
/// not authorized to perform what on which resource. `identity`, `resource`, `boundary`, `session`: no such policy
/// allows it; `identity!`: one denies it; `-`: AWS says no more; `"…"`: these are its words instead.
const TABLE: &str = r#"
admin     | sts:AssumeRole                            | config/OrganizationAccountAccessRole | allowed
admin     | sts:AssumeRole                            | config/read-dev    | AccessDenied -
root      | sts:AssumeRole                            | config/OrganizationAccountAccessRole | AccessDenied "Roles may not be assumed by root accounts."
root      | sts:AssumeRole                            | config/nobody      | AccessDenied "Roles may not be assumed by root accounts."
app-dev   | sts:AssumeRole                            | config/read-dev    | allowed
app-dev   | sts:AssumeRole                            | config/read-prod   | AccessDenied -
app-dev   | sts:AssumeRole                            | config/pipeline    | AccessDenied -
app-dev   | sts:AssumeRole                            | dev/app-dev        | AccessDenied -
app-prod  | sts:AssumeRole                            | config/read-prod   | allowed
app-prod  | sts:AssumeRole                            | config/read-dev    | AccessDenied -
broad-dev | sts:AssumeRole                            | config/read-dev    | AccessDenied -
broad-dev | sts:AssumeRole                            | config/org-only    | allowed
broad-dev | sts:AssumeRole                            | config/nobody      | AccessDenied -
broad-dev | sts:AssumeRole                            | config/ecs-only    | AccessDenied -
app-dev   | sts:AssumeRole                            | config/org-only    | AccessDenied -
outsider  | sts:AssumeRole                            | config/org-only    | AccessDenied -
outsider  | sts:AssumeRole                            | config/read-dev    | AccessDenied -
outsider  | sts:AssumeRole                            | config/vault       | AccessDenied -
outsider  | sts:AssumeRole with wrong                 | config/vault       | AccessDenied -
outsider  | sts:AssumeRole with open-sesame           | config/vault       | allowed
broad-dev | sts:AssumeRole with open-sesame           | config/vault       | AccessDenied -

read-dev  | appconfig:StartConfigurationSession       | env-dev            | allowed
read-dev  | appconfig:StartConfigurationSession       | env-prod           | AccessDeniedException identity
read-prod | appconfig:StartConfigurationSession       | env-prod           | allowed
read-prod | appconfig:StartConfigurationSession       | env-dev            | AccessDeniedException identity
pipeline  | appconfig:StartConfigurationSession       | env-dev            | AccessDeniedException identity
denied    | appconfig:StartConfigurationSession       | env-dev            | allowed
denied    | appconfig:StartConfigurationSession       | env-prod           | AccessDeniedException identity!
scoped    | appconfig:StartConfigurationSession       | env-dev            | allowed
scoped    | appconfig:StartConfigurationSession       | env-prod           | AccessDeniedException session
read-dev  | appconfig:CreateHostedConfigurationVersion | application       | AccessDeniedException identity
read-dev  | appconfig:StartDeployment                 | application        | AccessDeniedException identity
read-dev  | appconfig:DeleteApplication               | application        | AccessDeniedException identity
pipeline  | appconfig:CreateHostedConfigurationVersion | application       | allowed
pipeline  | appconfig:DeleteApplication               | application        | AccessDeniedException identity

pipeline  | ecr:GetAuthorizationToken                 | *                  | allowed
pipeline  | ecr:BatchDeleteImage                      | images             | allowed
pipeline  | ecr:BatchDeleteImage                      | secrets            | AccessDeniedException identity
pipeline  | ecr:DeleteRepository                      | images             | AccessDeniedException identity
puller    | ecr:GetAuthorizationToken                 | *                  | allowed
puller    | ecr:BatchGetImage                         | images             | allowed
puller    | ecr:BatchGetImage                         | secrets            | AccessDeniedException resource
puller    | ecr:BatchDeleteImage                      | images             | AccessDeniedException identity
puller    | ecr:DeleteRepository                      | images             | AccessDeniedException identity
broad-dev | ecr:BatchGetImage                         | images             | allowed
broad-dev | ecr:BatchDeleteImage                      | images             | AccessDeniedException resource
broad-dev | ecr:DeleteRepository                      | images             | AccessDeniedException resource
app-dev   | ecr:GetAuthorizationToken                 | *                  | AccessDeniedException identity
app-dev   | ecr:BatchGetImage                         | images             | AccessDeniedException identity
outsider  | ecr:BatchGetImage                         | images             | AccessDeniedException resource
outsider  | ecr:GetAuthorizationToken                 | *                  | allowed
root      | ecr:BatchGetImage                         | images             | AccessDeniedException resource
admin     | ecr:DeleteRepository                      | images             | AccessDeniedException resource
denied    | ecr:DeleteRepository                      | images             | AccessDeniedException identity!
broad-dev | ecr:DescribeImages                        | kept               | AccessDeniedException resource!

operator  | ecs:CreateExpressGatewayService           | execution          | AccessDeniedException "iam:PassRole on resource: arn:aws:iam::DEV:role/story/infrastructure because no identity-based policy allows the iam:PassRole action"
app-dev   | ecs:CreateExpressGatewayService           | execution          | AccessDeniedException "ecs:CreateExpressGatewayService on resource: arn:aws:ecs:eu-west-1:DEV:service/default/web because no identity-based policy"
broad-dev | ecs:CreateExpressGatewayService           | foreign            | AccessDeniedException "Cross-account pass role is not allowed."

app-dev   | logs:FilterLogEvents                      | /app               | AccessDeniedException identity
broad-dev | logs:FilterLogEvents                      | /app               | allowed
app-dev   | iam:CreateRole                            | dev/mine           | AccessDenied identity
bounded   | iam:CreateRole                            | dev/mine           | AccessDenied boundary
bounded   | iam:ListRoles                             | dev/               | allowed
denied    | iam:ListRoles                             | config/            | allowed
app-dev   | iam:GetRole                               | dev/app-dev        | AccessDenied identity

admin     | organizations:ListAccounts                | *                  | allowed
root      | organizations:ListAccounts                | *                  | allowed
broad-dev | organizations:DescribeOrganization        | *                  | allowed
broad-dev | organizations:ListAccounts                | *                  | AccessDeniedException "You don't have permissions to access this resource."
app-dev   | organizations:ListAccounts                | *                  | AccessDeniedException identity
outsider  | organizations:DescribeOrganization        | *                  | AWSOrganizationsNotInUseException "Your account is not a member of an organization."
app-dev   | sts:GetCallerIdentity                     | *                  | allowed
outsider  | sts:GetCallerIdentity                     | *                  | allowed
"#;

/// Service | role | for a resource of this account | whether it may be assumed.
const SERVICES: &str = "
ecs-tasks.amazonaws.com       | config/ecs-only | config  | true
ecs-tasks.amazonaws.com       | config/ecs-only | dev     | false
ecs.amazonaws.com             | config/ecs-only | config  | false
tasks.apprunner.amazonaws.com | config/ecs-only | config  | false
ecs-tasks.amazonaws.com       | config/read-dev | dev     | false
";

const OUTSIDE: &str = "333333333333";
const DATA: [&str; 2] = ["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"];
const PULL: [&str; 4] = [
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchCheckLayerAvailability",
    "ecr:DescribeImages",
];

/// The world that the table is about.
struct Stage {
    aws: Aws,
    /// Account ids by the names that the table uses.
    accounts: BTreeMap<&'static str, String>,
    configs: BTreeMap<&'static str, SdkConfig>,
    application: String,
    profile: String,
    environments: BTreeMap<&'static str, String>,
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

fn deny(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Deny", "Action": actions, "Resource": resource})
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn trust(principal: Value, condition: Value) -> Value {
    document(&[
        json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}),
    ])
}

impl Stage {
    async fn set() -> Self {
        let aws = world::start_with(|options| {
            options.scale = 600.0;
            options.settings.throttles = false;
            options.settings.organization = true;
        })
        .await;
        let admin = aws.admin().await;
        let mut accounts = BTreeMap::from([("outside", OUTSIDE.to_owned())]);
        let organizations = aws_sdk_organizations::Client::new(&admin);
        for name in ["dev", "prod", "config"] {
            let request =
                organizations.create_account().email(format!("{name}@example.org")).account_name(name);
            request.send().await.expect("asked for an account");
            aws.sandbox.advance(60.0);
        }
        for account in organizations.list_accounts().send().await.expect("accounts").accounts() {
            let named = ["dev", "prod", "config"].into_iter().find(|n| Some(*n) == account.name());
            accounts.extend(named.map(|n| (n, account.id().expect("an id").to_owned())));
        }
        let configs = BTreeMap::from([("admin", admin), ("root", aws.root().await)]);
        let mut stage = Self {
            aws,
            accounts,
            configs,
            application: String::new(),
            profile: String::new(),
            environments: BTreeMap::new(),
        };
        stage.make().await;
        stage
    }

    /// `dev/app-dev` as an ARN. All roles but AWS's are under one path.
    fn role_arn(&self, role: &str) -> String {
        let (account, name) = role.split_once('/').expect("an account and a role");
        let path = if name == "OrganizationAccountAccessRole" { "" } else { "story/" };
        format!("arn:aws:iam::{}:role/{path}{name}", self.accounts[account])
    }

    fn root_of(&self, account: &str) -> Value {
        json!({"AWS": format!("arn:aws:iam::{}:root", self.accounts[account])})
    }

    /// Makes a role with what it may do. Those whom the management account is to enter trust it.
    fn role(&self, role: &str, trusted: Value, statements: &[Value]) {
        let (account, name) = role.split_once('/').expect("an account and a role");
        let made = iam::NewRole {
            account: &self.accounts[account],
            path: "/story/",
            name,
            trust: trusted,
            attached: Vec::new(),
            inline: vec![("policy".to_owned(), document(statements))],
        };
        assert_eq!(iam::make_role(&mut self.aws.sandbox.world(), made), self.role_arn(role));
    }

    /// Makes a role and a session of it, under the role's name.
    async fn principal(&mut self, role: &'static str, statements: &[Value]) {
        let management = json!({"AWS": self.aws.sandbox.world().settings.management.clone()});
        self.role(role, trust(management, json!({})), statements);
        self.aws.sandbox.advance(60.0);
        let session = self.aws.assume(&self.configs["admin"], &self.role_arn(role)).await;
        self.configs.insert(role.split_once('/').expect("a role").1, session);
    }

    async fn make(&mut self) {
        let entry = self.role_arn("config/OrganizationAccountAccessRole");
        self.aws.sandbox.advance(600.0);
        let config = self.aws.assume(&self.configs["admin"], &entry).await;
        self.configure(&config).await;
        self.repositories(&config).await;
        self.trusting();
        self.principals().await;
    }

    async fn configure(&mut self, config: &SdkConfig) {
        let appconfig = aws_sdk_appconfig::Client::new(config);
        let made = appconfig.create_application().name("app").send().await.expect("an application");
        self.application = made.id.expect("an id");
        let profile = appconfig.create_configuration_profile().application_id(&self.application);
        let profile = profile.name("settings").location_uri("hosted").send().await.expect("a profile");
        self.profile = profile.id.expect("an id");
        for name in ["env-dev", "env-prod"] {
            let made = appconfig.create_environment().application_id(&self.application).name(name);
            let id = made.send().await.expect("an environment").id.expect("an id");
            self.environments.insert(name, id);
        }
    }

    async fn repositories(&self, config: &SdkConfig) {
        let ecr = aws_sdk_ecr::Client::new(config);
        let organization = self.organization().await;
        let ours = json!({
            "Effect": "Allow", "Principal": "*", "Action": PULL, "Condition": {
                "StringEquals": {"aws:PrincipalOrgID": organization},
                "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/story/*"},
            }
        });
        let nobody = json!({"Effect": "Deny", "Principal": "*", "Action": "ecr:DescribeImages"});
        for (name, statement) in [("images", Some(ours)), ("secrets", None), ("kept", Some(nobody))] {
            ecr.create_repository().repository_name(name).send().await.expect("a repository");
            if let Some(statement) = statement {
                let policy = document(&[statement]).to_string();
                let set = ecr.set_repository_policy().repository_name(name).policy_text(policy);
                set.send().await.expect("a policy");
            }
        }
    }

    async fn organization(&self) -> String {
        let organizations = aws_sdk_organizations::Client::new(&self.configs["admin"]);
        let described = organizations.describe_organization().send().await.expect("the organization");
        described.organization.and_then(|o| o.id).expect("an id")
    }

    /// Roles that are only there to be assumed.
    fn trusting(&self) {
        let organization = json!({"AWS": "*"});
        let of = self.aws.sandbox.world().organizations.organization.as_ref().map(|o| o.id.clone());
        let member = json!({"StringEquals": {"aws:PrincipalOrgID": of}});
        self.role("config/org-only", trust(organization, member), &[]);
        let word = json!({"StringEquals": {"sts:ExternalId": "open-sesame"}});
        self.role("config/vault", trust(self.root_of("outside"), word), &[]);
        let source = json!({"StringEquals": {"aws:SourceAccount": self.accounts["config"]}});
        self.role("config/ecs-only", trust(json!({"Service": "ecs-tasks.amazonaws.com"}), source), &[]);
        for role in ["dev/execution", "config/foreign"] {
            self.role(role, trust(json!({"Service": "ecs-tasks.amazonaws.com"}), json!({})), &[]);
        }
        self.role("dev/infrastructure", trust(json!({"Service": "ecs.amazonaws.com"}), json!({})), &[]);
    }

    async fn principals(&mut self) {
        let everything = || allow(&["*"], "*");
        for (app, reader, environment) in
            [("dev/app-dev", "config/read-dev", "env-dev"), ("prod/app-prod", "config/read-prod", "env-prod")]
        {
            let reads = [allow(&DATA, &self.configuration(environment))];
            let account = app.split_once('/').expect("an account").0;
            let only = json!({"ArnEquals": {"aws:PrincipalArn": self.role_arn(app)}});
            self.principal(app, &[allow(&["sts:AssumeRole"], &self.role_arn(reader))]).await;
            self.role(reader, trust(self.root_of(account), only), &reads);
            self.aws.sandbox.advance(60.0);
            let name = app.split_once('/').expect("a role").1;
            let session = self.aws.assume(&self.configs[name], &self.role_arn(reader)).await;
            self.configs.insert(reader.split_once('/').expect("a role").1, session);
        }
        let repository = format!("arn:aws:ecr:eu-west-1:{}:repository/images", self.accounts["config"]);
        let application = format!("{}*", self.application_arn());
        let pipeline = [
            allow(&["ecr:GetAuthorizationToken"], "*"),
            allow(&["ecr:BatchDeleteImage", "ecr:PutImage"], &repository),
            allow(&["appconfig:CreateHostedConfigurationVersion"], &application),
        ];
        self.principal("config/pipeline", &pipeline).await;
        let pulls = [&["ecr:GetAuthorizationToken"], &PULL[..]].concat();
        self.principal("dev/puller", &[allow(&pulls, "*")]).await;
        self.principal("dev/broad-dev", &[everything()]).await;
        self.principal("outside/outsider", &[everything()]).await;
        let but = [
            everything(),
            deny(&["ecr:DeleteRepository"], "*"),
            deny(&DATA, &self.configuration("env-prod")),
        ];
        self.principal("config/denied", &but).await;
        let execution = self.role_arn("dev/execution");
        self.principal("dev/operator", &[allow(&["ecs:*"], "*"), allow(&["iam:PassRole"], &execution)]).await;
        self.bounded().await;
        self.scoped().await;
    }

    /// May everything, within a boundary that only reads IAM.
    async fn bounded(&mut self) {
        self.principal("dev/bounded", &[allow(&["*"], "*")]).await;
        let entry = self.role_arn("dev/OrganizationAccountAccessRole");
        let dev = aws_sdk_iam::Client::new(&self.aws.assume(&self.configs["admin"], &entry).await);
        let boundary = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
        let put = dev.put_role_permissions_boundary().role_name("bounded").permissions_boundary(boundary);
        put.send().await.expect("a boundary");
        self.aws.sandbox.advance(60.0);
    }

    /// A session of the role that may everything but a little, for one environment.
    async fn scoped(&mut self) {
        let sts = aws_sdk_sts::Client::new(&self.configs["admin"]);
        let only = document(&[allow(&DATA, &self.configuration("env-dev"))]).to_string();
        self.principal("config/broad-config", &[allow(&["*"], "*")]).await;
        let request = sts.assume_role().role_arn(self.role_arn("config/broad-config"));
        let given = request.role_session_name("story").policy(only).send().await.expect("a session");
        let session = self.aws.config(world::temporary(given.credentials.expect("credentials"))).await;
        self.configs.insert("scoped", session);
    }

    fn application_arn(&self) -> String {
        format!("arn:aws:appconfig:eu-west-1:{}:application/{}", self.accounts["config"], self.application)
    }

    fn configuration(&self, environment: &str) -> String {
        let environment = &self.environments[environment];
        format!("{}/environment/{environment}/configuration/{}", self.application_arn(), self.profile)
    }

    /// The ARN that AWS names in a refusal.
    fn arn(&self, action: &str, resource: &str) -> String {
        match action.split_once(':').expect("a service").0 {
            _ if resource == "*" => "*".to_owned(),
            "sts" | "iam" => self.role_arn(resource),
            "appconfig" if resource == "application" => self.application_arn(),
            "appconfig" => self.configuration(resource),
            "ecr" => format!("arn:aws:ecr:eu-west-1:{}:repository/{resource}", self.accounts["config"]),
            "logs" => {
                let dev = &self.accounts["dev"];
                format!("arn:aws:logs:eu-west-1:{dev}:log-group:{resource}:log-stream:")
            }
            _ => resource.to_owned(),
        }
    }

    /// What AWS says where the table says `answer`.
    async fn expected(&self, who: &SdkConfig, action: &str, resource: &str, answer: &str) -> String {
        let Some((code, why)) = answer.split_once(' ') else { return answer.to_owned() };
        let why = match why.trim_matches('"') {
            "-" => String::new(),
            layer @ ("identity" | "resource") => {
                format!(" because no {layer}-based policy allows the {action} action")
            }
            "boundary" => format!(" because no permissions boundary allows the {action} action"),
            "session" => format!(" because no session policy allows the {action} action"),
            "identity!" => " with an explicit deny in an identity-based policy".to_owned(),
            "resource!" => " with an explicit deny in a resource-based policy".to_owned(),
            words => return format!("{code}: {}", words.replace("DEV", &self.accounts["dev"])),
        };
        let me = aws_sdk_sts::Client::new(who).get_caller_identity().send().await.expect("who it is");
        let (me, resource) = (me.arn().expect("an ARN").to_owned(), self.arn(action, resource));
        format!("{code}: User: {me} is not authorized to perform: {action} on resource: {resource}{why}")
    }

    /// Does it, and says `allowed` or what AWS says.
    async fn answer(&self, who: &SdkConfig, action: &str, resource: &str) -> String {
        let (action, external) = action.split_once(" with ").unwrap_or((action, ""));
        let (service, _) = action.split_once(':').expect("a service");
        match service {
            "sts" => self.sts(who, action, resource, external).await,
            "appconfig" => self.appconfig(who, action, resource).await,
            "ecr" => self.ecr(who, action, resource).await,
            "ecs" => self.ecs(who, resource).await,
            "iam" => self.iam(who, action, resource).await,
            "organizations" => organizations(who, action).await,
            "logs" => {
                let logs = aws_sdk_cloudwatchlogs::Client::new(who);
                said(logs.filter_log_events().log_group_name(resource).send().await)
            }
            other => panic!("{other} is not in the table's services"),
        }
    }

    async fn sts(&self, who: &SdkConfig, action: &str, resource: &str, external: &str) -> String {
        let sts = aws_sdk_sts::Client::new(who);
        if action == "sts:GetCallerIdentity" {
            return said(sts.get_caller_identity().send().await);
        }
        let assume = sts.assume_role().role_arn(self.role_arn(resource)).role_session_name("story");
        let external = (!external.is_empty()).then(|| external.to_owned());
        said(assume.set_external_id(external).send().await)
    }

    async fn appconfig(&self, who: &SdkConfig, action: &str, resource: &str) -> String {
        let client = aws_sdk_appconfig::Client::new(who);
        match action {
            "appconfig:StartConfigurationSession" => {
                let data = aws_sdk_appconfigdata::Client::new(who).start_configuration_session();
                let data = data.application_identifier(&self.application).environment_identifier(resource);
                said(data.configuration_profile_identifier(&self.profile).send().await)
            }
            "appconfig:CreateHostedConfigurationVersion" => {
                let make = client.create_hosted_configuration_version().application_id(&self.application);
                let make = make.configuration_profile_id(&self.profile).content_type("application/json");
                said(make.content(aws_sdk_appconfig::primitives::Blob::new("{}")).send().await)
            }
            "appconfig:StartDeployment" => {
                let start = client.start_deployment().application_id(&self.application);
                let start = start.environment_id(&self.environments["env-dev"]).configuration_version("1");
                let start = start.configuration_profile_id(&self.profile);
                said(start.deployment_strategy_id("AppConfig.AllAtOnce").send().await)
            }
            _ => said(client.delete_application().application_id(&self.application).send().await),
        }
    }

    async fn ecr(&self, who: &SdkConfig, action: &str, resource: &str) -> String {
        let ecr = aws_sdk_ecr::Client::new(who);
        let (name, registry) = (resource, &self.accounts["config"]);
        match action {
            "ecr:GetAuthorizationToken" => said(ecr.get_authorization_token().send().await),
            "ecr:BatchDeleteImage" => {
                let any = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("v1").build();
                let delete = ecr.batch_delete_image().repository_name(name).registry_id(registry);
                said(delete.image_ids(any).send().await)
            }
            "ecr:BatchGetImage" => {
                let any = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("v1").build();
                let get = ecr.batch_get_image().repository_name(name).registry_id(registry);
                said(get.image_ids(any).send().await)
            }
            "ecr:DescribeImages" => {
                said(ecr.describe_images().repository_name(name).registry_id(registry).send().await)
            }
            _ => {
                let delete = ecr.delete_repository().repository_name(name).registry_id(registry);
                said(delete.send().await)
            }
        }
    }

    /// Creates a service in dev with these roles.
    async fn ecs(&self, who: &SdkConfig, execution: &str) -> String {
        let account = if execution == "foreign" { "config" } else { "dev" };
        let container = aws_sdk_ecs::types::ExpressGatewayContainer::builder().image("app:v1").build();
        let create = aws_sdk_ecs::Client::new(who).create_express_gateway_service().service_name("web");
        let create = create.execution_role_arn(self.role_arn(&format!("{account}/{execution}")));
        let create = create.infrastructure_role_arn(self.role_arn("dev/infrastructure"));
        said(create.primary_container(container.expect("a container")).send().await)
    }

    async fn iam(&self, who: &SdkConfig, action: &str, resource: &str) -> String {
        let iam = aws_sdk_iam::Client::new(who);
        let name = resource.split_once('/').expect("a role").1;
        match action {
            "iam:ListRoles" => said(iam.list_roles().send().await),
            "iam:GetRole" => said(iam.get_role().role_name(name).send().await),
            _ => {
                let trust = trust(self.root_of("dev"), json!({})).to_string();
                let create = iam.create_role().role_name(name).path("/story/");
                said(create.assume_role_policy_document(trust).send().await)
            }
        }
    }
}

async fn organizations(who: &SdkConfig, action: &str) -> String {
    let client = aws_sdk_organizations::Client::new(who);
    match action {
        "organizations:ListAccounts" => said(client.list_accounts().send().await),
        _ => said(client.describe_organization().send().await),
    }
}

fn said<T, E: ProvideErrorMetadata>(answer: Result<T, E>) -> String {
    match answer {
        Ok(_) => "allowed".to_owned(),
        Err(e) => format!("{}: {}", e.code().unwrap_or_default(), e.message().unwrap_or_default()),
    }
}

fn lines(table: &str) -> impl Iterator<Item = [&str; 4]> {
    table.lines().filter(|line| line.contains('|')).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        cells.try_into().expect("four cells")
    })
}

#[tokio::test]
async fn the_table_of_who_may_do_what() {
    let stage = Stage::set().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stage.configs["broad-dev"]);
    logs.create_log_group().log_group_name("/app").send().await.expect("a log group");
    let mut wrong = Vec::new();
    for [principal, action, resource, answer] in lines(TABLE) {
        let who = &stage.configs[principal];
        let before = stage.aws.sandbox.snapshot();
        let found = stage.answer(who, action, resource).await;
        let expected =
            stage.expected(who, action.split(' ').next().unwrap_or(action), resource, answer).await;
        let fits = if answer.contains('"') { found_fits(&found, &expected) } else { found == expected };
        if !fits {
            wrong.push(format!("{principal} {action} {resource}:\n  {found}\n  {expected}"));
        }
        if found != "allowed" {
            let changed = snapshot::diff(&before, &stage.aws.sandbox.snapshot());
            assert_eq!(changed, Vec::<String>::new(), "{principal} {action} {resource} was refused");
        }
    }
    assert!(wrong.is_empty(), "found and expected:\n{}", wrong.join("\n"));
}

/// The same code, and the expected words somewhere in the message.
fn found_fits(found: &str, expected: &str) -> bool {
    let (code, words) = expected.split_once(": ").unwrap_or_default();
    found.starts_with(&format!("{code}: ")) && found.contains(words)
}

#[tokio::test]
async fn a_service_assumes_a_role_for_the_account_that_the_role_means() {
    let stage = Stage::set().await;
    for [service, role, account, expected] in lines(SERVICES) {
        let (world, arn) = (stage.aws.sandbox.world(), stage.role_arn(role));
        let may = auth::trusts_service(&world, &arn, service, &stage.accounts[account]);
        assert_eq!(may.to_string(), expected, "{service} {role} {account}");
    }
}
