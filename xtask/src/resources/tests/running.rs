//! The first image, and the services that run it.

use std::rc::Rc;
use std::sync::OnceLock;

use super::*;
use crate::config::Size;
use crate::graph::{Input, Key};
use crate::image::{Contents, Platform, Source as Sources, assemble};
use crate::resource::Resource;
use crate::resources::express_service::{Standing, roll_out, standing};
use crate::resources::{AppRunnerService, ExpressService, Image, ImageSource};

/// What a story's service is like.
#[derive(Clone)]
struct Wanted {
    min_tasks: u32,
    broken: &'static str,
}

const FINE: Wanted = Wanted { min_tasks: 1, broken: "no" };
const BROKEN: Wanted = Wanted { broken: "yes", ..FINE };

impl Story {
    fn role(
        &self,
        environment: &mut Environment<Aws>,
        account: Key<Account>,
        who: (&str, &str),
        attached: &[&str],
    ) -> Key<Role> {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": who.1}, "Action": "sts:AssumeRole"}
        ]});
        environment.add(Role {
            account,
            mark: self.mark(),
            path: "/foothold/listservices/".into(),
            name: who.0.into(),
            trust: Input::from(trust),
            inline: Vec::new(),
            attached: attached
                .iter()
                .map(|name| format!("arn:aws:iam::aws:policy/service-role/{name}"))
                .collect(),
        })
    }

    fn image(
        &self,
        environment: &mut Environment<Aws>,
        account: Key<Account>,
    ) -> (Key<Repository>, Key<Image>) {
        let repository =
            environment.add(Repository { account, mark: self.mark(), name: "listservices".into() });
        let root = self.directory.path().to_owned();
        let source = Sources { root, package: "server".into(), platform: Platform::X86_64 };
        let source = Rc::new(ImageSource::ready(source, image("server")));
        let image = environment.add(Image { repository, tag: "src-0123456789abcdef".into(), source });
        (repository, image)
    }

    fn express(&self, environment: &mut Environment<Aws>, wanted: &Wanted) {
        let (account, tasks) = (self.account(environment), "ecs-tasks.amazonaws.com");
        let execution_role =
            self.role(environment, account, ("execution", tasks), &["AmazonECSTaskExecutionRolePolicy"]);
        let gateway = "AmazonECSInfrastructureRoleforExpressGatewayServices";
        let infrastructure_role =
            self.role(environment, account, ("infrastructure", "ecs.amazonaws.com"), &[gateway]);
        let task_role = self.role(environment, account, ("app", tasks), &[]);
        let name = "/foothold/listservices".to_owned();
        let log_group = environment.add(LogGroup { account, mark: self.mark(), name, days: 30 });
        let (repository, image) = self.image(environment, account);
        environment.add(ExpressService {
            account,
            mark: self.mark(),
            name: "ListServices".into(),
            image,
            repository,
            execution_role,
            infrastructure_role,
            task_role,
            log_group,
            environment: vec![("BROKEN".into(), Input::from(wanted.broken.to_owned()))],
            port: 5000,
            size: Size { min_tasks: wanted.min_tasks, ..Size::default() },
            health_path: "/healthz".into(),
            subnets: Vec::new(),
            security_groups: Vec::new(),
            after: Vec::new(),
            asked: RefCell::default(),
        });
    }

    fn app_runner(&self, environment: &mut Environment<Aws>, memory: u32, broken: &'static str) {
        let account = self.account(environment);
        let puller = ("access", "build.apprunner.amazonaws.com");
        let access_role = self.role(environment, account, puller, &["AWSAppRunnerServicePolicyForECRAccess"]);
        let task_role = self.role(environment, account, ("app", "tasks.apprunner.amazonaws.com"), &[]);
        let (_, image) = self.image(environment, account);
        environment.add(AppRunnerService {
            account,
            mark: self.mark(),
            name: "ListServices".into(),
            image,
            access_role,
            task_role,
            environment: vec![("BROKEN".into(), Input::from(broken.to_owned()))],
            port: 5000,
            size: Size { memory, ..Size::default() },
            health_path: "/healthz".into(),
            after: Vec::new(),
        });
    }

    fn service(&self, environment: &mut Environment<Aws>) {
        self.express(environment, &FINE);
    }

    fn service_arn(&self) -> String {
        format!("arn:aws:ecs:{REGION}:{}:service/default/ListServices", self.made().expect("an account"))
    }
}

/// The story's program, compiled once, as an image.
fn image(name: &str) -> crate::image::Image {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    let binary = PROGRAM.get_or_init(|| {
        let directory = TempDir::new().expect("a directory");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/resources/tests/running/server.rs");
        let mut rustc = std::process::Command::new("rustc");
        rustc.args(["--edition=2024", "-Ctarget-feature=+crt-static", "-o", "server", source]);
        let done = rustc.current_dir(&directory).status().expect("run rustc");
        assert!(done.success(), "the image's program compiles");
        std::fs::read(directory.path().join("server")).expect("the program")
    });
    let contents =
        Contents { name: name.into(), binary: binary.clone(), platform: Platform::X86_64, commit: None };
    assemble(&contents).expect("an image")
}

#[tokio::test]
async fn from_nothing_to_a_url_that_answers_and_a_second_run_writes_nothing() {
    let story = Story::begin().await;
    let done = story.make(Story::service).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    story.sandbox.forget_requests();
    let again = story.make(Story::service).await;
    assert_eq!(troubles(&again), [] as [&str; 0]);
    assert_eq!(again.count(|outcome| matches!(outcome, Outcome::Same)), again.lines.len());
    assert_eq!(story.writes(), [] as [&str; 0]);
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_service_that_drifted_is_repaired_and_keeps_its_image() {
    let story = Story::begin().await;
    story.make(Story::service).await;
    let two = Wanted { min_tasks: 2, ..FINE };
    story.sandbox.forget_requests();
    let done = story.make(|story, environment| story.express(environment, &two)).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.writes(), ["UpdateExpressGatewayService"]);
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_service_that_never_comes_up_shows_its_log_and_comes_up_after_the_fix() {
    let story = Story::begin().await;
    let done = story.make(|story, environment| story.express(environment, &BROKEN)).await;
    let why = reason(&done, ExpressService::KIND);
    assert!(why.contains("cannot go on: told to break"), "{why}");
    let done = story.make(Story::service).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert!(matches!(outcome(&done, ExpressService::KIND), Outcome::Did(Act::Repair)));
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_change_that_does_not_come_up_is_told_and_the_old_one_serves() {
    let story = Story::begin().await;
    story.make(Story::service).await;
    let done = story.make(|story, environment| story.express(environment, &BROKEN)).await;
    let why = reason(&done, ExpressService::KIND);
    assert!(why.contains("rolled back"), "{why}");
    let done = story.make(Story::service).await;
    assert!(matches!(outcome(&done, ExpressService::KIND), Outcome::Same), "{:?}", troubles(&done));
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn its_roles_wait_until_aws_has_removed_what_it_managed() {
    let story = Story::begin().await;
    story.make(Story::service).await;
    story.sandbox.forget_requests();
    let done = story.retire(Story::service).await;
    let left = troubles(&done);
    assert!(left.iter().all(|line| line.contains("Kept")), "{left:?}");
    let requests = story.sandbox.requests();
    let at = |operation: &str| requests.iter().position(|it| it.operation == operation).expect("a request");
    let last = requests.iter().rposition(|it| it.operation == "DescribeServiceRevisions").expect("a look");
    assert!(at("DeleteExpressGatewayService") < last && last < at("DeleteRole"));
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_service_whose_deployments_ecs_has_forgotten_is_left_as_it_is() {
    let story = Story::begin().await;
    story.make(Story::service).await;
    story.sandbox.advance(91.0 * 86_400.0);
    let (door, arn) = (story.door().await, story.service_arn());
    assert_eq!(standing(&door, &arn).await.expect("a standing"), Standing::Forgotten);
    let done = story.make(Story::service).await;
    assert!(matches!(outcome(&done, ExpressService::KIND), Outcome::Same), "{:?}", troubles(&done));
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn another_image_is_rolled_out_and_the_next_run_leaves_it() {
    let story = Story::begin().await;
    story.make(Story::service).await;
    let (door, arn) = (story.door().await, story.service_arn());
    let client = door.ecr();
    let registry = super::super::image::registry(&client, &path(&story).await).await.expect("a registry");
    let other = image("other");
    let pushed = crate::image::push::push(&registry, &other, "src-other", &|_| ()).await.expect("a push");
    let reference = format!("{}@{pushed}", uri(&story).await);
    let revision = roll_out(&door, &arn, &reference, Some(Platform::X86_64)).await.expect("a roll-out");
    while let Standing::Coming(_) = standing(&door, &arn).await.expect("a standing") {
        tokio::task::yield_now().await;
    }
    assert_eq!(standing(&door, &arn).await.expect("a standing"), Standing::Successful { revision });
    let done = story.make(Story::service).await;
    assert!(matches!(outcome(&done, ExpressService::KIND), Outcome::Same), "{:?}", troubles(&done));
    story.sandbox.stop().await.expect("stopped");
}

async fn customer() -> Story {
    let customer = vec!["aws+config@example.com".to_owned()];
    Story::begin_with(|options| options.settings.app_runner_customers = customer).await
}

#[tokio::test]
async fn app_runner_from_nothing_to_a_url_then_drifted_paused_and_gone() {
    let story = customer().await;
    let done = story.make(|story, environment| story.app_runner(environment, 512, "no")).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    story.sandbox.forget_requests();
    story.make(|story, environment| story.app_runner(environment, 512, "no")).await;
    assert_eq!(story.writes(), [] as [&str; 0]);
    let client = story.door().await.apprunner();
    let found = client.list_services().send().await.expect("a list");
    let arn = found.service_summary_list()[0].service_arn().expect("an ARN");
    client.pause_service().service_arn(arn).send().await.expect("a pause");
    let done = story.make(|story, environment| story.app_runner(environment, 512, "no")).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    assert_eq!(story.writes(), ["PauseService", "ResumeService"]);
    client.pause_service().service_arn(arn).send().await.expect("a pause");
    let done = story.make(|story, environment| story.app_runner(environment, 1024, "no")).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    let done = story.retire(|story, environment| story.app_runner(environment, 1024, "no")).await;
    assert!(matches!(outcome(&done, AppRunnerService::KIND), Outcome::Did(Act::Delete)));
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn app_runner_that_could_not_be_created_is_made_again_after_the_fix() {
    let story = customer().await;
    let done = story.make(|story, environment| story.app_runner(environment, 512, "yes")).await;
    let why = reason(&done, AppRunnerService::KIND);
    assert!(why.contains("cannot go on: told to break"), "{why}");
    let done = story.make(|story, environment| story.app_runner(environment, 512, "no")).await;
    assert_eq!(troubles(&done), [] as [&str; 0]);
    story.sandbox.stop().await.expect("stopped");
}

#[tokio::test]
async fn app_runner_refuses_new_customers_and_we_say_what_to_do() {
    let story = Story::begin().await;
    let done = story.make(|story, environment| story.app_runner(environment, 512, "no")).await;
    let why = reason(&done, AppRunnerService::KIND);
    assert!(why.contains("platform = \"ecs-express\""), "{why}");
    story.sandbox.stop().await.expect("stopped");
}

async fn uri(story: &Story) -> String {
    let request = story.door().await.ecr().describe_repositories().repository_names("listservices");
    let found = request.send().await.expect("the repository").repositories.unwrap_or_default();
    found[0].repository_uri().expect("a URI").to_owned()
}

async fn path(story: &Story) -> String {
    uri(story).await.split_once('/').expect("a path").1.to_owned()
}
