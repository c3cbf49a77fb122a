//! The life of one task: pulled, unpacked, started, checked, stopped.

use super::isolation::{Isolation, let_out};
use super::process::{Address, Process, Start};
use super::supervisor::Holds;
use super::{Spec, Status, Stop, Task, directory, image, ingress};
use crate::auth;
use crate::clock::Time;
use crate::fault::Fault;
use crate::services::{ecr, logs};
use crate::world::World;
use anyhow::Result;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How often a task asks whether it should go on.
const PAUSE: Duration = Duration::from_millis(20);

/// A process needs real time to start, whatever the scale: failed checks do not count before.
const GRACE: Duration = Duration::from_secs(5);

type Host = Arc<dyn Holds>;

impl Task {
    /// It has stopped; what it was told to stop for goes before `why`.
    pub(super) fn end(&mut self, now: Time, why: Stop) {
        if self.status != Status::Stopped {
            self.status = Status::Stopped;
            self.stopped = Some(now);
            self.stopping.get_or_insert(now);
            self.address = None;
            self.outcome = Some(self.unwanted.clone().unwrap_or(why));
        }
    }

    /// It did not end by itself but with the sandbox: as if it had not been started yet.
    pub(super) fn again(&mut self) {
        if self.status != Status::Stopped {
            self.status = Status::Provisioning;
            self.healthy = None;
            self.address = None;
        }
    }
}

/// Lives a task's whole life.
pub(super) async fn live(host: Host, id: String, shutdown: CancellationToken) {
    let home = directory(&host.world()).join(&id);
    let outcome = match begin(&host, &id, &home).await {
        Ok((process, _out)) => watch(&host, &id, process, &shutdown).await,
        Err(stop) => stop,
    };
    change(&host, &id, |task, now| task.end(now, outcome));
    tokio::fs::remove_dir_all(&home).await.ok();
}

fn change(host: &Host, id: &str, with: impl FnOnce(&mut Task, Time)) {
    let mut world = host.world();
    let now = world.clock.now();
    if let Some(task) = world.runtime.tasks.get_mut(id) {
        with(task, now);
    }
}

type Begun = (Process, Option<AbortOnDropHandle<Result<()>>>);

async fn begin(host: &Host, id: &str, home: &Path) -> Result<Begun, Stop> {
    change(host, id, |task, now| {
        task.status = Status::Pending;
        task.pull_started = Some(now);
    });
    let pull = permitted(&mut host.world(), id)?;
    let blobs = host.world().settings.directory.join("blobs");
    let root = home.join("root");
    let config = tokio::task::spawn_blocking(move || image::unpack(&pull.manifest, &blobs, &root))
        .await
        .map_err(|e| Stop::new("TaskFailedToStart", format!("CannotPullContainerError: {e}")))?
        .map_err(|e| Stop::new("TaskFailedToStart", format!("CannotPullContainerError: {e:#}")))?;
    change(host, id, |task, now| {
        task.digest = Some(pull.digest);
        task.pull_stopped = Some(now);
    });
    let begun = start(host, id, home, &config)?;
    change(host, id, |task, now| {
        task.status = Status::Running;
        task.started = Some(now);
        task.address = Some(begun.0.address.clone());
    });
    Ok(begun)
}

/// What the platform asks before it starts a container: may the roles be assumed, the image pulled, the log written?
fn permitted(world: &mut World, id: &str) -> Result<ecr::Pull, Stop> {
    let refuse = |reason: String| Stop::new("TaskFailedToStart", reason);
    let Some(task) = world.runtime.tasks.get(id) else {
        return Err(refuse("the task is gone".to_owned()));
    };
    let spec = task.spec.clone();
    for (role, service) in roles(&spec) {
        if !auth::trusts_service(world, role, service, &spec.account) {
            return Err(refuse(format!(
                "ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role \
                 being passed has the proper trust relationship and permissions and that your IAM user has permissions to \
                 pass this role."
            )));
        }
    }
    let caller = auth::role_caller(world, &spec.puller, id)
        .ok_or_else(|| refuse(format!("unable to assume the role '{}'", spec.puller)))?;
    log_driver(world, &spec, &caller).map_err(refuse)?;
    let by_app_runner = spec.principal.contains("apprunner");
    ecr::pull(world, &spec.image, &caller, by_app_runner)
        .map_err(|fault| refuse(cannot_pull(&spec.image, &fault)))
}

fn cannot_pull(image: &str, fault: &Fault) -> String {
    let why = match fault.code.as_str() {
        "CannotPullContainerError" => fault.message.clone(),
        code => format!("failed to resolve ref {image}: {code}: {}", fault.message),
    };
    format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): {why}")
}

fn roles(spec: &Spec) -> impl Iterator<Item = (&str, &str)> {
    let task = spec.task_role.as_deref().map(|role| (role, spec.principal.as_str()));
    let puller = (!spec.puller.is_empty() && !spec.tells_port)
        .then_some((spec.puller.as_str(), spec.principal.as_str()));
    task.into_iter().chain(puller)
}

/// Makes the log stream as the log driver does, with the role's own permission.
fn log_driver(world: &mut World, spec: &Spec, caller: &auth::Caller) -> Result<(), String> {
    let Some(log) = &spec.log else { return Ok(()) };
    let to = stream(spec, log);
    let error = |what: String| {
        format!(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed \
             to create Cloudwatch log stream: {what} : exit status 1"
        )
    };
    let resource = format!(
        "arn:aws:logs:{}:{}:log-group:{}:log-stream:{}",
        spec.region, spec.account, log.group, log.stream
    );
    for action in ["logs:CreateLogStream", "logs:PutLogEvents"].into_iter().filter(|_| !log.managed) {
        let question = auth::Question { action, resource: &resource, context: &[], policy: None };
        auth::allow(world, Some(caller), &spec.region, &question)
            .map_err(|f| error(format!("{}: {}", f.code, f.message)))?;
    }
    if logs::append(world, &to, &[]) || log.managed {
        return Ok(());
    }
    Err(error("ResourceNotFoundException: The specified log group does not exist.".to_owned()))
}

fn stream<'a>(spec: &'a Spec, log: &'a super::Log) -> logs::Stream<'a> {
    logs::Stream { account: &spec.account, region: &spec.region, group: &log.group, stream: &log.stream }
}

fn start(host: &Host, id: &str, home: &Path, config: &image::Config) -> Result<Begun, Stop> {
    let refuse = |e: String| Stop::new("TaskFailedToStart", format!("CannotStartContainerError: {e}"));
    let world = host.world();
    let endpoint = world.settings.endpoint.clone();
    let Some(task) = world.runtime.tasks.get(id).cloned() else {
        return Err(refuse("the task is gone".to_owned()));
    };
    drop(world);
    let arguments = config.arguments(&task.spec.command);
    if let Some(program) =
        arguments.first().filter(|_| foreign(&task.spec.architecture, &config.architecture))
    {
        record(host, id, vec![format!("exec {program}: exec format error")]);
        change(host, id, |task, _| task.exit = Some(255));
        return Err(Stop::new("EssentialContainerExited", "Essential container in task exited"));
    }
    let port = port_of(&endpoint);
    let begin = Start {
        directory: home,
        arguments: &arguments,
        environment: environment(&task, config, &endpoint),
        working: &config.directory,
        port: task.spec.port,
        endpoint: port,
    };
    let isolation = Isolation::best();
    let out =
        isolation.network().then(|| AbortOnDropHandle::new(tokio::spawn(let_out(PathBuf::from(home), port))));
    let process = Process::start(begin, isolation).map_err(|e| refuse(format!("{e:#}")))?;
    Ok((process, out))
}

fn foreign(wanted: &str, image: &str) -> bool {
    !wanted.is_empty() && !image.is_empty() && wanted != image
}

fn port_of(endpoint: &str) -> u16 {
    endpoint.rsplit(':').next().and_then(|p| p.trim_end_matches('/').parse().ok()).unwrap_or(0)
}

/// The image's environment, over it the declared, over it the platform's. Nothing comes from this machine.
fn environment(task: &Task, config: &image::Config, endpoint: &str) -> Vec<(String, String)> {
    let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut all = std::collections::BTreeMap::from([pair(("PATH", path)), pair(("HOME", "/"))]);
    all.extend(config.environment.iter().cloned());
    all.extend(
        [("AWS_REGION", task.spec.region.as_str()), ("AWS_DEFAULT_REGION", &task.spec.region)].map(pair),
    );
    all.insert("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned());
    all.extend(task.spec.environment.clone());
    if task.spec.task_role.is_some() {
        let url = format!("{}/_credentials/{}", endpoint.trim_end_matches('/'), task.token);
        all.insert("AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), url);
    }
    if task.spec.tells_port {
        all.insert("PORT".to_owned(), task.spec.port.to_string());
    }
    all.into_iter().collect()
}

/// Looks after a running process until it has ended.
async fn watch(host: &Host, id: &str, mut process: Process, shutdown: &CancellationToken) -> Stop {
    let outputs = [
        process.child.stdout.take().map(|o| follow(host, id, o)),
        process.child.stderr.take().map(|o| follow(host, id, o)),
    ];
    let checks =
        AbortOnDropHandle::new(tokio::spawn(check(host.clone(), id.to_owned(), process.address.clone())));
    let status = tokio::select! {
        status = process.child.wait() => status,
        () = unwanted(host, id, shutdown) => end(host, id, &mut process, shutdown).await,
    };
    drop(checks);
    // What it has left behind in its group goes with it, and so do the ends of its output.
    process.signal(Signal::KILL);
    for output in outputs.into_iter().flatten() {
        tokio::time::timeout(Duration::from_secs(1), output).await.ok();
    }
    change(host, id, |task, _| task.exit = status.ok().map(exit_code));
    Stop::new("EssentialContainerExited", "Essential container in task exited")
}

fn exit_code(status: ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt;
    status.code().map_or_else(|| 128 + i64::from(status.signal().unwrap_or(0)), i64::from)
}

async fn unwanted(host: &Host, id: &str, shutdown: &CancellationToken) {
    loop {
        if shutdown.is_cancelled() || host.world().runtime.tasks.get(id).is_none_or(|t| t.unwanted.is_some())
        {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// SIGTERM, then SIGKILL when the stop timeout is over; at once when the sandbox itself ends.
async fn end(
    host: &Host,
    id: &str,
    process: &mut Process,
    shutdown: &CancellationToken,
) -> std::io::Result<ExitStatus> {
    let mut patience = Duration::from_secs(1);
    change(host, id, |task, now| {
        task.status = Status::Stopping;
        task.stopping = Some(now);
    });
    {
        let world = host.world();
        let scaled = world.runtime.tasks.get(id).map_or(0.0, |t| world.clock.scaled(t.spec.stop_timeout));
        patience = patience.max(Duration::from_secs_f64(scaled));
    }
    tokio::select! {
        () = deregistered(host, id) => {}
        () = shutdown.cancelled() => {}
    }
    process.signal(Signal::TERM);
    tokio::select! {
        status = process.child.wait() => return status,
        () = tokio::time::sleep(patience) => {}
        () = shutdown.cancelled() => {}
    }
    process.signal(Signal::KILL);
    process.child.wait().await
}

/// The load balancer sends it nothing new, and waits for what it is at, but not for ever.
async fn deregistered(host: &Host, id: &str) {
    let requests = host.world().runtime.tasks.get(id).map(|task| task.requests.clone()).unwrap_or_default();
    let patience = Duration::from_secs_f64(host.world().clock.scaled(DEREGISTRATION).max(1.0));
    let done = async {
        while !requests.are_done() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(patience, done).await.ok();
}

/// A target group's deregistration delay, in seconds, where nobody has set another.
const DEREGISTRATION: f64 = 300.0;

/// Checks the container's health in the declared interval, and notes the verdict.
async fn check(host: Host, id: String, address: Address) {
    let started = Instant::now();
    let (mut good, mut bad) = (0, 0);
    loop {
        let Some((health, interval, timeout, graceful)) = next(&host, &id) else {
            return;
        };
        let ok = tokio::time::timeout(timeout, ingress::probe(&address, health.path.as_deref()))
            .await
            .unwrap_or(false);
        (good, bad) = if ok { (good + 1, 0) } else { (0, bad + 1) };
        let counts = !graceful && started.elapsed() > GRACE;
        change(&host, &id, |task, _| {
            if good >= health.healthy.max(1) {
                task.healthy = Some(true);
            } else if bad >= health.unhealthy.max(1) && (counts || task.healthy == Some(true)) {
                task.healthy = Some(false);
            }
        });
        wait(&host, interval).await;
    }
}

fn next(host: &Host, id: &str) -> Option<(super::Health, f64, Duration, bool)> {
    let world = host.world();
    let task = world.runtime.tasks.get(id)?;
    let health = task.spec.health.clone();
    let graceful = task.started.is_some_and(|s| world.clock.now() < s + world.clock.scaled(health.grace));
    let timeout = Duration::from_secs_f64(world.clock.scaled(health.timeout).max(1.0));
    Some((health.clone(), health.interval, timeout, graceful))
}

/// Waits AWS's `seconds`: scaled, and shorter when time is advanced.
async fn wait(host: &Host, seconds: f64) {
    let due = host.world().clock.due(seconds);
    loop {
        tokio::time::sleep(PAUSE).await;
        if host.world().clock.now() >= due {
            return;
        }
    }
}

/// Sends a container's output to its log, line by line.
fn follow(
    host: &Host,
    id: &str,
    output: impl AsyncRead + Send + Unpin + 'static,
) -> tokio::task::JoinHandle<()> {
    let (host, id) = (host.clone(), id.to_owned());
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            record(&host, &id, vec![line]);
        }
    })
}

fn record(host: &Host, id: &str, lines: Vec<String>) {
    let mut world = host.world();
    let now = world.clock.now();
    let Some(task) = world.runtime.tasks.get_mut(id) else {
        return;
    };
    lines.iter().for_each(|line| task.line(line.clone()));
    let spec = task.spec.clone();
    if let Some(log) = &spec.log {
        let lines: Vec<_> = lines.into_iter().map(|line| (now, line)).collect();
        logs::append(&mut world, &stream(&spec, log), &lines);
    }
}
