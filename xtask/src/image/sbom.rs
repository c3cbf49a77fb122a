//! The bill of materials of the image: every crate in the binary, as CycloneDX JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::oci::Blob;
use super::{Builder, Linkage, Source, cargo};

/// The media type, and the artifact type of the referrer.
pub(crate) const CYCLONEDX: &str = "application/vnd.cyclonedx+json";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Needed>,
}

#[derive(Deserialize)]
struct Needed {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Lists what the binary contains: without times, serial numbers and paths, so that one source gives one list.
pub(crate) async fn sbom(source: &Source, builder: &Builder) -> Result<Blob> {
    let linkage = match builder {
        Builder::Native(linkage) => *linkage,
        Builder::Engine(_) => Linkage::StaticGlibc,
    };
    let metadata = metadata(&source.root, source.platform.target(linkage)).await?;
    let lock = std::fs::read_to_string(source.root.join("Cargo.lock")).context("read `Cargo.lock`")?;
    Blob::json(CYCLONEDX, &document(&metadata, &source.package, &checksums(&lock)?)?)
}

async fn metadata(root: &Path, target: &str) -> Result<Metadata> {
    let mut command = cargo::cargo(root);
    command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target]);
    serde_json::from_slice(&cargo::stdout(command).await?).context("read cargo's metadata")
}

/// The registry's checksums by name and version.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let all = super::lock::all(lock)?.into_iter();
    Ok(all.filter_map(|it| Some(((it.name, it.version), it.checksum?))).collect())
}

fn document(
    metadata: &Metadata,
    package: &str,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value> {
    let root = metadata.packages.iter().find(|it| it.name == package && it.source.is_none());
    let root = root.with_context(|| format!("find package `{package}`"))?;
    let graph: BTreeMap<&str, Vec<&str>> =
        metadata.resolve.nodes.iter().map(|it| (it.id.as_str(), linked(it))).collect();
    let inside = reachable(&graph, &root.id);
    let mut packages: Vec<&Package> =
        metadata.packages.iter().filter(|it| inside.contains(it.id.as_str())).collect();
    packages.sort_by_key(|it| (&it.name, &it.version));
    let urls: BTreeMap<&str, String> = packages.iter().map(|it| (it.id.as_str(), purl(it))).collect();
    let needs = |it: &&&Package| {
        let mut urls: Vec<&String> = graph[it.id.as_str()].iter().map(|id| &urls[id]).collect();
        urls.sort();
        json!({ "ref": purl(it), "dependsOn": urls })
    };
    let others = packages.iter().filter(|it| it.id != root.id);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(root, "application", checksums) },
        "components": others.map(|it| component(it, "library", checksums)).collect::<Vec<_>>(),
        "dependencies": packages.iter().map(|it| needs(&it)).collect::<Vec<_>>(),
    }))
}

/// What ends up in the binary: not what only tests or build scripts need.
fn linked(node: &Node) -> Vec<&str> {
    let normal = node.deps.iter().filter(|it| it.dep_kinds.iter().any(|it| it.kind.is_none()));
    normal.map(|it| it.pkg.as_str()).collect()
}

fn reachable<'a>(graph: &BTreeMap<&'a str, Vec<&'a str>>, root: &'a str) -> BTreeSet<&'a str> {
    let mut todo = vec![root];
    let mut found = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if found.insert(id) {
            todo.extend(graph.get(id).into_iter().flatten());
        }
    }
    found
}

fn component(package: &Package, kind: &str, checksums: &BTreeMap<(String, String), String>) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(license) = &package.license {
        // Older crates write `MIT/Apache-2.0`, which is no SPDX expression.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(checksum) = checksums.get(&(package.name.clone(), package.version.clone())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}
