//! A load of many clients on a sandbox of its own: does every write stay, does nothing fail, does memory stay?

use crate::auth::{Keys, encode, sign};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client as Http, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// When memory is looked at for the first time.
const EARLY: Duration = Duration::from_secs(10);

/// What came of a load.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub clients: usize,
    pub seconds: f64,
    pub requests: u64,
    pub requests_per_second: f64,
    pub errors: u64,
    /// The first error.
    pub error: Option<String>,
    /// Writes that were answered with success and are not there.
    pub lost_writes: u64,
    /// Resident, idle and before any load.
    pub memory_idle_kib: u64,
    /// Resident after ten seconds, or at the end of a shorter load.
    pub memory_early_kib: u64,
    pub memory_end_kib: u64,
}

impl Report {
    /// Nothing failed, nothing was lost, and memory grew by a fifth at the most after the first ten seconds.
    pub fn good(&self) -> bool {
        let kept = self.memory_end_kib * 10 <= self.memory_early_kib * 12;
        self.requests > 0 && self.errors == 0 && self.lost_writes == 0 && kept
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.lost_writes += other.lost_writes;
        self.error = self.error.take().or(other.error);
    }
}

/// Starts the program `sandbox` and puts `clients` on it for `seconds`.
pub async fn run(sandbox: &Path, clients: usize, seconds: f64) -> Result<Report> {
    let directory = tempfile::tempdir().context("make a directory")?;
    let (mut child, client) = start(sandbox, directory.path()).await?;
    let pid = child.id().context("it has ended already")?;
    let mut report = Report { clients, seconds, memory_idle_kib: resident(pid)?, ..Report::default() };
    client.prepare().await.context("prepare the load")?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let mut running = JoinSet::new();
    for number in 0..clients {
        let client = client.clone();
        running.spawn(async move { client.live(number, end).await });
    }
    tokio::time::sleep_until((begun + EARLY).min(end).into()).await;
    report.memory_early_kib = resident(pid)?;
    while let Some(done) = running.join_next().await {
        report.add(done.context("a client panicked")?);
    }
    report.memory_end_kib = resident(pid)?;
    report.requests_per_second = report.requests as f64 / begun.elapsed().as_secs_f64();
    drop(child.stdin.take());
    child.wait().await.context("wait for the sandbox to end")?;
    Ok(report)
}

async fn start(sandbox: &Path, directory: &Path) -> Result<(Child, Client)> {
    let mut command = Command::new(sandbox);
    command.args(["--until-stdin-ends", "--directory"]).arg(directory).kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start the sandbox")?;
    let mut line = String::new();
    let out = child.stdout.take().context("its output")?;
    BufReader::new(out).read_line(&mut line).await.context("read what it says")?;
    let said: Value = serde_json::from_str(&line).with_context(|| format!("read `{line}`"))?;
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    let keys = Keys { id: text("access_key_id"), secret: text("secret_access_key"), token: None };
    let (region, account) = (text("region"), text("account_id"));
    let http = Http::builder(TokioExecutor::new()).build_http();
    Ok((child, Client { http, endpoint: text("endpoint"), region, account, keys }))
}

/// Resident memory in KiB.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read its memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("find VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("read VmRSS")
}

/// One client of the AWS API.
#[derive(Clone)]
struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    endpoint: String,
    region: String,
    account: String,
    keys: Keys,
}

impl Client {
    /// No throttles, and a role to assume.
    async fn prepare(&self) -> Result<()> {
        self.send("POST", "/_sandbox/settings", &[], json!({"throttles": false}).to_string()).await?;
        let trust = json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sts:AssumeRole"}});
        let trust = encode(trust.to_string().as_bytes());
        let create =
            format!("Action=CreateRole&Version=2010-05-08&RoleName=load&AssumeRolePolicyDocument={trust}");
        self.query("iam", create).await?;
        self.send("POST", "/_sandbox/advance", &[], json!({"seconds": 60}).to_string()).await?;
        Ok(())
    }

    /// Writes and reads back until the end; its writes are its own, so that what is not there is lost.
    async fn live(self, number: usize, end: Instant) -> Report {
        let mut report = Report::default();
        if let Err(error) = self.work(number, end, &mut report).await {
            report.errors += 1;
            report.error = Some(format!("{error:#}"));
        }
        report
    }

    async fn work(&self, number: usize, end: Instant, report: &mut Report) -> Result<()> {
        let name = format!("load-{number}");
        self.ecr("CreateRepository", json!({"repositoryName": name})).await?;
        report.requests += 1;
        let mut round = 0_u64;
        while Instant::now() < end {
            round += 1;
            self.write_and_read(&name, round, report).await?;
            self.query("sts", "Action=GetCallerIdentity&Version=2011-06-15".to_owned()).await?;
            report.requests += 1;
            if round % 50 == 1 {
                self.assume(number, report).await?;
            }
        }
        Ok(())
    }

    async fn write_and_read(&self, name: &str, round: u64, report: &mut Report) -> Result<()> {
        let arn = format!("arn:aws:ecr:{}:{}:repository/{name}", self.region, self.account);
        let (key, value) = (format!("key-{}", round % 10), round.to_string());
        let tag = json!({"resourceArn": arn, "tags": [{"Key": key, "Value": value}]});
        self.ecr("TagResource", tag).await?;
        let there = self.ecr("ListTagsForResource", json!({"resourceArn": arn})).await?;
        report.requests += 2;
        let tags = there["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        // All ten of the last rounds have to be there, not only this one's.
        let kept = |round: u64| {
            let (key, value) = (format!("key-{}", round % 10), round.to_string());
            tags.iter().any(|tag| tag["Key"] == key && tag["Value"] == value)
        };
        let first = round.saturating_sub(9).max(1);
        report.lost_writes += (first..=round).filter(|round| !kept(*round)).count() as u64;
        Ok(())
    }

    /// A session, and one call with it.
    async fn assume(&self, number: usize, report: &mut Report) -> Result<()> {
        let arn = encode(format!("arn:aws:iam::{}:role/load", self.account).as_bytes());
        let form =
            format!("Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=load-{number}");
        let answer = self.query("sts", form).await?;
        let between = |name: &str| {
            let (_, rest) =
                answer.split_once(&format!("<{name}>")).with_context(|| format!("find {name}"))?;
            rest.split_once('<').map(|(value, _)| value.to_owned()).context("find its end")
        };
        let token = Some(between("SessionToken")?);
        let keys = Keys { id: between("AccessKeyId")?, secret: between("SecretAccessKey")?, token };
        let session = Self { keys, ..self.clone() };
        session.query("sts", "Action=GetCallerIdentity&Version=2011-06-15".to_owned()).await?;
        report.requests += 2;
        Ok(())
    }

    async fn ecr(&self, operation: &str, input: Value) -> Result<Value> {
        let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &target)];
        let answer = self.signed("ecr", &self.region, &headers, input.to_string()).await?;
        serde_json::from_str(&answer).with_context(|| format!("read the answer of {operation}"))
    }

    async fn query(&self, service: &str, form: String) -> Result<String> {
        let region = if service == "iam" { "us-east-1" } else { &self.region };
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.signed(service, region, &headers, form).await
    }

    async fn signed(
        &self,
        service: &str,
        region: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<String> {
        let mut request = self.request("POST", "/", headers)?;
        sign(&mut request, body.as_bytes(), &self.keys, region, service)?;
        self.answer(Request::from_parts(request, Full::from(body))).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Result<String> {
        let parts = self.request(method, path, headers)?;
        self.answer(Request::from_parts(parts, Full::from(body))).await
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<http::request::Parts> {
        let host = self.endpoint.trim_start_matches("http://");
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.endpoint)).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.body(())?.into_parts().0)
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<String> {
        let answer = self.http.request(request).await.context("send a request")?;
        let status = answer.status();
        let body = answer.into_body().collect().await.context("read an answer")?.to_bytes();
        let body = String::from_utf8(body.to_vec()).context("read an answer as text")?;
        ensure!(status.is_success(), "{status}: {body}");
        Ok(body)
    }
}
