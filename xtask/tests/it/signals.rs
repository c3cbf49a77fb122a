//! Told to stop, or left alone by whoever watched: nothing is lost, and what is not done is said.

use crate::live::until;
use crate::world::{self, Ended, World, denied};
use sandbox::faults::{Kind, Rule};
use std::process::{Child, Command, Stdio};

/// Begins a bootstrap, and returns when its first role is being made, which `kind` delays or holds.
async fn begun(world: &World, kind: Kind) -> Child {
    let (service, operation) = (Some("iam".to_owned()), Some("CreateRole".to_owned()));
    world.sandbox.add_fault(Rule { service, operation, times: Some(1), kind, ..denied() });
    let mut command = world.admins(&["bootstrap", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
    until("a role being made", async || world.sandbox.shared.rules.lock().expect("rules")[0].hit == 1).await;
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
    let (service, operation) = (Some("iam".to_owned()), Some("CreateRole".to_owned()));
    let kind = Kind::Delay(500);
    world.sandbox.add_fault(Rule { service, operation, times: Some(1), kind, ..denied() });
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run xtask");
    until("a role being made", async || world.sandbox.shared.rules.lock().expect("rules")[0].hit == 1).await;
    send(&child, "HUP");
    ended(child).await.good().says("ListServices runs.");
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
