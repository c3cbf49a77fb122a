//! Told to stop, or left alone by whoever watched: nothing is lost, and what is not done is said.

use crate::deploy::{program, runs};
use crate::live::until;
use crate::people::{PEOPLE, with_an_organization};
use crate::world::{self, Ended, FOOTHOLD, World, denied};
use sandbox::faults::{Kind, Rule};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Begins a bootstrap, and returns when its first role is being made, which `kind` delays or holds.
async fn begun(world: &World, kind: Kind) -> Child {
    stopped_at(world, world.admins(&["bootstrap", "--yes"]), "CreateRole", kind).await
}

/// Begins a command, and returns when it makes this call for the first time, which `kind` delays or holds.
async fn stopped_at(world: &World, mut command: Command, operation: &str, kind: Kind) -> Child {
    let (client, name) = (Some("app/foothold".to_owned()), Some(operation.to_owned()));
    world.sandbox.add_fault(Rule { client, operation: name, times: Some(1), kind, ..denied() });
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
    until(operation, async || world.sandbox.shared.rules.lock().expect("rules")[0].hit == 1).await;
    child
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(sent.expect("run kill").success(), "send {signal}");
}

async fn ended(child: Child) -> Ended {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("a task");
    Ended::of(output.expect("an end"))
}

/// Runs it again, and looks whether everything is as declared.
async fn goes_on(world: &World) {
    world.sandbox.clear_faults();
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.xtask(&["plan", "--check"]).await.good();
}

fn roles(world: &World) -> usize {
    let world = world.sandbox.world();
    let roles = world.iam.values().flat_map(|account| account.roles.values());
    roles.filter(|role| role.entity.arn.contains("/foothold/")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_signal_lets_a_call_under_way_end_and_says_what_is_not_done() {
    for signal in ["INT", "TERM", "HUP"] {
        let world = world::start().await;
        let child = begun(&world, Kind::Delay(1_500)).await;
        send(&child, signal);
        let ended = ended(child).await;
        assert_eq!(ended.status, 130, "{signal}: {ended:?}");
        assert!(roles(&world) >= 1, "{signal}: the role that was being made is there");
        let ended = ended.says("interrupted before they began");
        // The answer arrived: it is known what was asked for, and that nobody has looked since.
        ended.says("interrupted after `create` was asked").says(" done, ");
        goes_on(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_stops_at_once() {
    for signal in ["INT", "TERM"] {
        let world = world::start().await;
        let child = begun(&world, Kind::HoldAfter).await;
        send(&child, signal);
        send(&child, "HUP");
        send(&child, signal);
        // The call is held for ever: whoever waits for it does not end.
        assert_eq!(ended(child).await.status, 130);
        goes_on(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_goes_away_stops_no_half_a_write() {
    let world = world::start().await;
    let mut child = begun(&world, Kind::Delay(1_500)).await;
    drop((child.stdout.take(), child.stderr.take()));
    send(&child, "HUP");
    send(&child, "HUP");
    assert_eq!(ended(child).await.status, 130);
    assert!(roles(&world) >= 1, "the role that was being made is there");
    goes_on(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_what_it_says_and_it_ends_all_the_same() {
    let world = world::start().await;
    let mut command = world.admins(&["bootstrap", "--yes", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(ended(child).await.status, 0);
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn started_by_nohup_it_goes_on() {
    let world = world::start().await;
    let direct = world.admins(&["bootstrap", "--yes"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(direct.get_program()).args(direct.get_args());
    command.current_dir(direct.get_current_dir().expect("a directory")).env_clear();
    command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = stopped_at(&world, command, "CreateRole", Kind::Delay(500)).await;
    send(&child, "HUP");
    ended(child).await.good().says("ListServices runs.");
}

/// Where a command is at `operation`, the first signal is sent.
async fn interrupted(world: &World, command: Command, operation: &str) -> Ended {
    let child = stopped_at(world, command, operation, Kind::Delay(1_000)).await;
    send(&child, "INT");
    let ended = ended(child).await;
    world.sandbox.clear_faults();
    assert_eq!(ended.status, 130, "{operation}: {ended:?}");
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_interrupted_is_deployed_or_not_and_the_file_says_the_same() {
    const SET: [&str; 6] = ["config", "set", "intResultLimit=7", "--stage", "development", "--yes"];
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let before = world.read("app/config/development.json");

    let ended = interrupted(&world, world.admins(&SET), "CreateHostedConfigurationVersion").await;
    ended.says("Nothing was deployed: the deployment was not started.");
    assert_eq!(world.read("app/config/development.json"), before);
    world.xtask(&["config", "diff", "--check", "--stage", "development"]).await.good();

    let ended = interrupted(&world, world.admins(&SET), "StartDeployment").await;
    ended.says("Deployed; `cargo xtask status` shows when");
    assert_eq!(world.read("app/config/development.json"), before.replace("10", "7"));
    world.xtask(&SET).await.good();
    world.xtask(&["config", "diff", "--check", "--stage", "development"]).await.good();
    let versions = world.xtask(&["config", "history", "--stage", "development"]).await.good().stdout;
    assert_eq!(versions.lines().count(), 2, "bootstrap's, and one: {versions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_interrupted_was_asked_for_or_not_and_says_which() {
    let world = world::start().await;
    let url = world.xtask(&["bootstrap", "--yes"]).await.good().url();
    let first = runs(&url).await;
    let other = program(&world, "other", |bytes| bytes.push(0)).display().to_string();
    let command = || world.admins(&["deploy", "--stage", "development", "--yes", "--binary", &other]);

    interrupted(&world, command(), "PUT manifest")
        .await
        .says("Nothing was deployed: the roll-out was not asked for.");
    world.xtask(&["plan", "--check"]).await.good();
    assert_eq!(runs(&url).await, first);

    let ended = interrupted(&world, command(), "UpdateExpressGatewayService").await;
    ended.says("The roll-out goes on; `cargo xtask status` shows it.");
    until("the other image", async || runs(&url).await != first).await;
    let again = Ended::of(command().output().expect("run xtask"));
    again.good();
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_interrupted_while_looking_is_told_nothing_that_was_not_seen() {
    let world = with_an_organization().await;
    world.write("foothold.toml", &format!("{FOOTHOLD}{PEOPLE}"));
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let stage = ["--stage", "development", "--yes"];
    for (command, stage) in [
        (&["access"][..], &[][..]),
        (&["plan"], &[]),
        (&["status"], &[]),
        (&["image"], &[]),
        (&["teardown", "--confirm", "ListServices"], &[]),
        (&["logs"], &stage),
        (&["env"], &stage),
        (&["deploy"], &stage),
        (&["config", "show"], &stage),
        (&["config", "history"], &stage),
        (&["config", "set", "intResultLimit=7"], &stage),
    ] {
        let arguments = [command, stage].concat();
        let ended = interrupted(&world, world.admins(&arguments), "ListAccounts").await;
        assert_eq!(ended.stdout, "", "{arguments:?}");
        ended.says("error: interrupted, and AWS is as it was");
    }
    world.xtask(&["plan", "--check"]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_waiting_for_the_app_is_told_how_to_look() {
    let world = world::start().await;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    // The app gets no answer, and goes on with what it has.
    let (service, kind) = (Some("appconfigdata".to_owned()), Kind::Error);
    world.sandbox.add_fault(Rule { service, kind, ..denied() });
    let mut command = world.admins(&["config", "set", "intResultLimit=7", "--stage", "development", "--yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
    let mut lines = BufReader::new(child.stderr.take().expect("what it says")).lines();
    let asks = |line: std::io::Result<String>| line.expect("a line").contains("the running app: 0 %");
    assert!(tokio::task::block_in_place(|| lines.any(asks)), "it ended before it asked the app");
    send(&child, "INT");
    let rest: Vec<String> = tokio::task::block_in_place(|| lines.map_while(Result::ok).collect());
    assert_eq!(ended(child).await.status, 130, "{rest:#?}");
    let told = "Deployed; `cargo xtask status` shows when";
    assert!(rest.iter().any(|line| line.contains(told)), "{rest:#?}");
}

/// A package whose build goes on for as long as cargo does, and writes its process's number into `app/builder`.
fn builds_for_ever(world: &World) {
    std::fs::create_dir_all(world.file("app/src")).expect("make a directory");
    let manifest = "[package]\nname = 'app'\nversion = '0.1.0'\nedition = '2024'\n";
    let whole = "[workspace]\nmembers = ['app']\nresolver = '3'\n[profile.image]\ninherits = 'release'\n";
    world.write("Cargo.toml", whole);
    world.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n");
    world.write("app/Cargo.toml", manifest);
    world.write("app/src/main.rs", "fn main() {}\n");
    world.write(
        "app/build.rs",
        "fn main() {\n    std::fs::write(\"builder\", std::process::id().to_string()).unwrap();\n    \
         let parent = std::os::unix::process::parent_id;\n    let cargo = parent();\n    \
         while parent() == cargo {\n        std::thread::sleep(std::time::Duration::from_millis(20))\n    }\n}\n",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_ends_with_whoever_began_it() {
    // A terminal sends Ctrl-C to everything that runs in it, a supervisor its signal to whom it has started.
    for (signal, to_all) in [("INT", true), ("TERM", false)] {
        let world = world::start().await;
        builds_for_ever(&world);
        let cargo = Path::new(env!("CARGO")).parent().expect("a directory").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(cargo).chain(std::env::split_paths(&path));
        let mut command = world.admins(&["bootstrap", "--yes"]);
        command.env_remove("FOOTHOLD_BINARY").env("PATH", std::env::join_paths(path).expect("a path"));
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("run xtask");
        let builder = || {
            let told = std::fs::read_to_string(world.file("app/builder")).unwrap_or_default();
            told.parse::<u32>().ok()
        };
        until("a build", async || builder().is_some()).await;
        let whom = format!("{}{}", if to_all { "-" } else { "" }, child.id());
        let sent = Command::new("kill").args(["-s", signal, "--", &whom]).status();
        assert!(sent.expect("run kill").success(), "send {signal}");
        let ended = ended(child).await;
        assert_eq!(ended.status, 130, "{signal}: {ended:?}");
        ended.says("Run `cargo xtask bootstrap` again: it goes on from what is there.");
        let process = format!("/proc/{}", builder().expect("a process"));
        until("the build's end", async || !Path::new(&process).exists()).await;
        goes_on(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_a_full_disk_does_not_take_is_no_success() {
    let world = world::start().await;
    let mut command = world.admins(&["plan"]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let child = command.stdout(full).stderr(Stdio::piped()).spawn().expect("run xtask");
    let ended = ended(child).await;
    assert_eq!(ended.status, 1, "{ended:?}");
    ended.says("error: write the result: No space left on device");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_aws_cannot_be_reached_that_is_what_is_said() {
    let world = world::start().await;
    for endpoint in ["http://no-such-host.invalid", "http://127.0.0.1:9"] {
        let mut command = world.admins(&["plan"]);
        command.env("AWS_ENDPOINT_URL", endpoint);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
        let ended = ended(child).await;
        assert_eq!(ended.status, 1, "{ended:?}");
        ended.says("reach AWS from here (is there a network, a name server, a proxy?)");
    }
}
