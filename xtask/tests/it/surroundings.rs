//! A machine that is not as it should be: what is wrong is said, where, and what to do; and no file is half written.

use crate::world::{self, Ended, FOOTHOLD, World, writes_of};
use std::path::Path;
use std::process::Command;

async fn ended(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
    Ended::of(output.expect("run xtask"))
}

/// The same command, started by a shell that does this first.
fn after(first: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]).arg(command.get_program());
    shell.args(command.get_args()).current_dir(command.get_current_dir().expect("a directory")).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// Runs where no file can have a byte, which a full disk does to everybody, root included.
async fn without_room(world: &World, arguments: &[&str]) -> Ended {
    ended(after("ulimit -f 0", &world.admins(arguments))).await
}

fn no_leftover(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(!name.ends_with(".foothold-new"), "{} has {name}", directory.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_every_file_stays_as_it_was_and_a_rerun_gets_there() {
    let world = world::start().await;
    let said = "File too large (os error 27)\n\nmake room there and run the same command again";
    without_room(&world, &["plan"]).await.good();
    let full = without_room(&world, &["bootstrap", "--yes"]).await;
    assert_eq!(full.status, 1, "{full:?}");
    full.says("foothold.toml: File too large").says(said);
    assert_eq!(world.read("foothold.toml"), FOOTHOLD);

    let management = &world.sandbox.world().settings.management.clone();
    world.write("foothold.toml", &format!("{FOOTHOLD}\n[management]\naccount_id = \"{management}\"\n"));
    let full = without_room(&world, &["bootstrap", "--yes"]).await;
    assert_eq!(full.status, 1, "{full:?}");
    full.says("aws-config, which stays as it was: File too large").says("22 done").says("make room there");
    assert!(!world.file("aws-config").exists());
    world.xtask(&["bootstrap", "--yes"]).await.good();
    world.xtask(&["plan", "--check"]).await.good();

    // Nothing is deployed of which the file could not tell.
    let file = "app/config/development.json";
    let (before, set) =
        (world.read(file), ["config", "set", "intResultLimit=3", "--stage", "development", "--yes"]);
    let (full, requests) = world.requests_of(without_room(&world, &set)).await;
    assert_eq!(full.status, 1, "{full:?}");
    full.says("development.json: File too large").says(said);
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    assert_eq!(world.read(file), before);

    let full = without_room(&world, &["plan", "--sandbox"]).await;
    assert_eq!(full.status, 1, "{full:?}");
    full.says("copy ").says("target/sandbox/config: File too large");
    assert!(!world.file("target/sandbox/config").exists());
    std::fs::remove_file(world.file("foothold.toml")).expect("a file to remove");
    let answers = ["--yes", "--region", "eu-west-1", "--email", "a+{name}-{account}@example.com"];
    let full = without_room(&world, &[&["bootstrap"], &answers[..]].concat()).await;
    assert_eq!(full.status, 1, "{full:?}");
    full.says("foothold.toml: File too large");
    assert!(!world.file("foothold.toml").exists());
    for directory in ["", "app/config"] {
        no_leftover(&world.file(directory));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_named_and_only_that_is_missing() {
    let world = world::start().await;
    // Nobody makes a directory there, and nobody makes one of a file.
    std::fs::write(world.file("file"), "").expect("a file");
    let nowhere = ["/proc/nowhere/config".into(), world.file("file").join("config")];
    for (profiles, done) in nowhere.iter().zip(["22 done", "22 unchanged"]) {
        let mut command = world.admins(&["bootstrap", "--yes"]);
        command.env("AWS_CONFIG_FILE", profiles);
        let missing = ended(command).await;
        assert_eq!(missing.status, 1, "{missing:?}");
        let missing = missing.says(&profiles.display().to_string()).says("profile `dev`").says(done);
        let missing = missing.says("Run `cargo xtask bootstrap` again when that is mended");
        assert!(!missing.stderr.contains("ListServices runs."), "{}", missing.stderr);
    }
    world.xtask(&["bootstrap", "--yes"]).await.good().says("2 done, 22 as they were");

    // Without a home, where the profiles are is all that is needed.
    let mut homeless = world.admins(&["plan", "--check"]);
    homeless.env_remove("HOME");
    ended(homeless).await.good();
    let mut homeless = world.admins(&["plan", "--check"]);
    homeless.env("HOME", "/proc/nowhere");
    ended(homeless).await.good();

    std::fs::write(world.file("target"), "").expect("a file");
    let refused = world.xtask(&["plan", "--sandbox"]).await;
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.says("target/sandbox/config: Not a directory");
}

/// There are machines on which a story cannot be told. CI's is none of them.
fn unchecked(missing: &str) {
    assert!(std::env::var_os("CI").is_none(), "this machine has not what this needs: {missing}");
}

/// As on a read-only disk, where the kernel lets an ordinary user, or root, have one of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_is_read_only_can_be_looked_at_and_nothing_else_is_begun() {
    let world = world::start().await;
    let mount = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\"";
    let read_only = |arguments: &[&str]| {
        let direct = after(mount, &world.admins(arguments));
        let mut unshare = Command::new("unshare");
        unshare.arg("-rm").arg(direct.get_program()).args(direct.get_args());
        unshare.current_dir(world.file("")).env_clear();
        unshare.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        unshare
    };
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        return unchecked("`unshare -rm`, for a mount of our own");
    }
    for looks in [&["plan"][..], &["status"], &["access"]] {
        ended(read_only(looks)).await.good();
    }
    let (refused, requests) = world.requests_of(ended(read_only(&["bootstrap", "--yes"]))).await;
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.says("foothold.toml: Read-only file system").says("see who may write there");
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
    world.xtask(&["bootstrap", "--yes"]).await.good();
    ended(read_only(&["plan", "--check"])).await.good();
    let set = ["config", "set", "intResultLimit=3", "--stage", "development", "--yes"];
    let (refused, requests) = world.requests_of(ended(read_only(&set))).await;
    assert_eq!(refused.status, 1, "{refused:?}");
    refused.says("development.json: Read-only file system");
    assert_eq!(writes_of(&requests), [] as [&str; 0]);
}

/// The app's own clock is this machine's, too: nothing runs in this story.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_told_of_and_corrected_once() {
    let nothing_runs = FOOTHOLD.replace("account = \"dev\"\n", "");
    for (ahead, told) in [(3600.0, "60 min behind AWS's"), (-90_000.0, "1500 min ahead of AWS's")] {
        let world = world::start().await;
        world.write("foothold.toml", &nothing_runs);
        world.sandbox.world().clock.ahead = ahead;
        let (made, requests) = world.requests_of(world.xtask(&["bootstrap", "--yes"])).await;
        made.good().says(told);
        let refused = requests.iter().filter(|it| it.error.as_ref().is_some_and(|e| e.contains("Signature")));
        assert_eq!(refused.count(), 1, "only the first call finds out");
        world.xtask(&["doctor"]).await.good().says(told);
    }
    let world = world::start().await;
    let right = world.xtask(&["doctor"]).await.good();
    right.says("clock                as AWS's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_gone_through_and_named_without_its_password_but_not_on_the_way_to_this_machine() {
    let world = world::start().await;
    let behind = |arguments: &[&str], proxy: &str, endpoint: &str| {
        let mut command = world.admins(arguments);
        command.env("HTTP_PROXY", proxy).env("HTTPS_PROXY", proxy).env("AWS_ENDPOINT_URL", endpoint);
        command
    };
    let (down, here) = ("http://somebody:pa55word@127.0.0.1:9", world.sandbox.endpoint());
    for elsewhere in ["http://aws.invalid", "https://aws.invalid"] {
        let lost = ended(behind(&["plan"], down, elsewhere)).await;
        assert_eq!(lost.status, 1, "{lost:?}");
        let lost = lost.says("reach aws.invalid through the proxy 127.0.0.1:9 (HTTPS_PROXY");
        assert!(!lost.stderr.contains("pa55word"), "{}", lost.stderr);
        let mut past_it = behind(&["plan"], down, elsewhere);
        past_it.env("NO_PROXY", "aws.invalid");
        let lost = ended(past_it).await.says("reach aws.invalid: ");
        assert!(!lost.stderr.contains("127.0.0.1:9"), "{}", lost.stderr);
    }
    // Nobody but the proxy knows who that is: here the local AWS itself is asked as one.
    let found = ended(behind(&["plan"], &here, "http://aws.invalid")).await.good();
    found.says("24 to create");
    ended(behind(&["bootstrap", "--yes"], down, &here)).await.good().says("ListServices runs.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_that_has_only_ipv6_is_reached() {
    let world = world::start().await;
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        return unchecked("the address ::1");
    };
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let there = world.sandbox.address;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(there).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    let mut command = world.admins(&["bootstrap", "--yes"]);
    command.env("AWS_ENDPOINT_URL", &endpoint);
    ended(command).await.good().says("ListServices runs.");
}

/// Answers every request but the one for a token like a machine whose metadata is closed.
async fn closed_metadata(token: &'static str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = client.read(&mut request).await.unwrap_or(0);
            let answer = match request[..length].starts_with(b"PUT") {
                true => token,
                false => "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 6\r\n\r\nhidden",
            };
            client.write_all(answer.as_bytes()).await.ok();
        }
    });
    endpoint
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_one_short_line_says_so_and_what_to_do() {
    let world = world::start().await;
    let said = async |arguments: &[&str], name: &str, value: &str| {
        let mut command = world.admins(arguments);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env(name, value);
        let ended = ended(command).await;
        assert_eq!(ended.status, 1, "{ended:?}");
        let ended = ended.says("there are no credentials, neither in the environment nor in a profile");
        let both = ended.stdout + &ended.stderr;
        let line = both.lines().find(|line| line.contains("no credentials")).expect("a line").to_owned();
        assert_eq!(line.matches("--profile").count(), 1, "{line}");
        assert!(line.len() < 400 && !line.contains('{') && !both.contains("hidden"), "{both}");
        line
    };
    let given = "HTTP/1.1 200 OK\r\nconnection: close\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\n\
                 content-length: 1\r\n\r\nt";
    let refused = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for arguments in [&["doctor"][..], &["bootstrap", "--yes"]] {
        said(arguments, "AWS_EC2_METADATA_DISABLED", "true").await;
        for (token, why) in [(given, "(code: 403)"), (refused, "IMDS is disabled")] {
            let endpoint = closed_metadata(token).await;
            let line = said(arguments, "AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint).await;
            assert!(line.contains(why), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_begins_without_the_accounts_that_real_runs_have_written_down() {
    let world = world::start().await;
    let real = "\n[management]\naccount_id = \"123456789012\"\n\n[identity_center]\nstart_url = \
                \"https://d-1234567890.awsapps.com/start\"\nregion = \"eu-west-1\"\n";
    world.write("foothold.toml", &format!("{FOOTHOLD}{real}"));
    world.xtask(&["graph", "--sandbox"]).await.good();
    assert_eq!(world.read("target/sandbox/foothold.toml"), FOOTHOLD);
    assert_eq!(world.read("foothold.toml"), format!("{FOOTHOLD}{real}"));
}
