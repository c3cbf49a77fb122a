//! Layers and configurations: files, found by digest, downloaded by a signed link.

use super::{Asked, refuse};
use crate::fault::Fault;
use crate::server::{Body, Cut, Shared};
use crate::services::ecr;
use crate::wire::Reply;
use crate::world::World;
use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Bytes that are read from a file at once.
const CHUNK: usize = 64 << 10;

/// The file that a blob's bytes are in.
pub(super) fn file(world: &World, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    world.settings.directory.join("blobs").join(hex)
}

/// Whether a blob is there (HEAD), or where to download it (GET).
pub(super) fn find(world: &World, asked: &Asked, digest: &str) -> Result<Reply, Fault> {
    let head = asked.method == Method::HEAD;
    asked
        .allow(world, if head { "ecr:BatchCheckLayerAvailability" } else { "ecr:GetDownloadUrlForLayer" })?;
    let size = asked.name.find(world).and_then(|repository| repository.blobs.get(digest));
    let size = size.ok_or_else(|| Fault::new("BLOB_UNKNOWN", "blob unknown to registry").status(404))?;
    let mut reply = Reply::new(if head { 200 } else { 307 }, "application/octet-stream", "");
    let mut add = |name: &str, value: String| reply.headers.push((name.to_owned(), value));
    add("docker-content-digest", digest.to_owned());
    if head {
        add("content-length", size.to_string());
    } else {
        add("location", ecr::link(world, digest));
    }
    Ok(reply)
}

/// Streams a blob to whoever has a link that is still good.
pub(super) async fn download(
    shared: &Shared,
    digest: &str,
    query: &BTreeMap<String, String>,
) -> Result<Response<Body>, Cut> {
    let given = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let path = {
        let world = shared.world();
        let opens = ecr::opens(&world, digest, given("expires"), given("signature"));
        opens.then(|| file(&world, digest))
    };
    let denied = || Fault::new("AccessDenied", "Request has expired").status(403);
    let Some(path) = path else { return Ok(refuse(&denied())) };
    let file = File::open(path).await.map_err(|_| Cut)?;
    let size = file.metadata().await.map_err(|_| Cut)?.len();
    let stream = futures::stream::try_unfold(file, |mut file| async move {
        let mut bytes = BytesMut::with_capacity(CHUNK);
        let read = file.read_buf(&mut bytes).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Frame::data(Bytes::from(bytes)), file)))
    });
    let response = Response::builder()
        .header("content-type", "application/octet-stream")
        .header("content-length", size)
        .body(StreamBody::new(stream).boxed_unsync());
    response.map_err(|_| Cut)
}
