//! The running app, asked over HTTP.

use std::time::Duration;

use anyhow::{Context, Result};
pub(crate) use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::proxy;

/// What `/version` answers. An app that replaced ours may say less.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Version {
    /// The image's digest.
    pub(crate) image: Option<String>,
    /// The configuration version's label.
    pub(crate) configuration: Option<String>,
    pub(crate) instance: String,
    pub(crate) stage: String,
    /// Seconds since the instance took that version.
    pub(crate) age: Option<f64>,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks an app for its version. Fails when it does not answer with 200 and JSON.
pub(crate) async fn version(url: &str) -> Result<Version> {
    let url = format!("{}/version", url.trim_end_matches('/'));
    let answer = client(&url)?.get(&url).send().await.with_context(|| asking(&url))?;
    let answer = answer.error_for_status().context("ask for the version")?;
    answer.json().await.with_context(|| format!("read what {url} answers"))
}

/// What is on this machine is asked without a proxy.
fn client(url: &str) -> Result<reqwest::Client> {
    crate::image::push::provide_crypto();
    let builder = reqwest::Client::builder().timeout(PATIENCE);
    Ok(if proxy::is_here(url) { builder.no_proxy() } else { builder }.build()?)
}

fn asking(url: &str) -> String {
    format!("ask {}", proxy::way(url))
}

/// What a URL answers, as JSON.
pub(crate) async fn json(url: &str) -> Result<Value> {
    send(Method::GET, url, None).await
}

/// What a request with a body of JSON, or none, is answered with, as JSON.
pub(crate) async fn send(method: Method, url: &str, body: Option<Value>) -> Result<Value> {
    let request = client(url)?.request(method, url);
    let request = body.iter().fold(request, |request, body| request.json(body));
    let answer = request.send().await.with_context(|| asking(url))?;
    let answer = answer.error_for_status().with_context(|| format!("ask {url}"))?;
    answer.json().await.with_context(|| format!("read what {url} answers"))
}

/// The same for a query with secrets: no error shows it.
pub(crate) async fn json_secretly(url: &str, query: &str) -> Result<Value> {
    let answer = client(url)?.get(format!("{url}?{query}")).send().await.and_then(|a| a.error_for_status());
    let answer = answer.map_err(reqwest::Error::without_url).with_context(|| asking(url))?;
    answer
        .json()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("read what {url} answers"))
}
