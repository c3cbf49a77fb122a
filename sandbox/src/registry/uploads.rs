//! Uploads: started, filled by a stream or by chunks, and completed with a digest that must be right.

use super::Asked;
use super::blobs;
use crate::call::HEX;
use crate::fault::Fault;
use crate::server::{Cut, Shared};
use crate::services::ecr::Name;
use crate::wire::Reply;
use crate::world::World;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Starts an upload. A mount is not one: ECR says 202 to it as well, and the client uploads.
pub(super) fn start(world: &mut World, asked: &Asked) -> Result<Reply, Fault> {
    asked.allow(world, "ecr:InitiateLayerUpload")?;
    let id = uuid(world);
    asked.name.repository(world)?.uploads.insert(id.clone(), Default::default());
    Ok(accepted(world, asked, 202, &id, 0))
}

fn uuid(world: &mut World) -> String {
    [8, 4, 4, 4, 12].map(|length| world.id(HEX, length)).join("-")
}

fn accepted(world: &World, asked: &Asked, status: u16, id: &str, told: u64) -> Reply {
    let mut reply = Reply::new(status, "text/plain", "");
    let mut add = |name: &str, value: String| reply.headers.push((name.to_owned(), value));
    add("location", asked.url(world, &format!("blobs/uploads/{id}")));
    add("range", format!("0-{told}"));
    add("docker-upload-uuid", id.to_owned());
    reply
}

/// Takes a chunk (PATCH), or the last one or the whole layer (PUT).
pub(super) async fn receive(
    shared: &Shared,
    asked: &Asked,
    id: &str,
    body: Incoming,
) -> Result<Result<Reply, Fault>, Cut> {
    let opened = open(&shared.world(), asked, id);
    let (path, before) = match opened {
        Ok(opened) => opened,
        Err(fault) => {
            drain(body).await;
            return Ok(Err(fault));
        }
    };
    let size = append(&path, before, body).await?;
    if asked.method == Method::PATCH {
        return Ok(chunked(&mut shared.world(), asked, id, size));
    }
    let digest = digest(&path).await.map_err(|_| Cut)?;
    Ok(complete(&mut shared.world(), asked, id, &path, (&digest, size)))
}

/// Reads what nobody wants, so that the client has sent it all when it is refused.
pub(super) async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// The upload's file and what it should have already.
fn open(world: &World, asked: &Asked, id: &str) -> Result<(PathBuf, u64), Fault> {
    if asked.method != Method::PATCH && asked.method != Method::PUT {
        // ECR does not tell how far an upload is.
        return Err(Fault::new("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry").status(404));
    }
    asked.allow(world, "ecr:UploadLayerPart")?;
    let upload = asked.name.find(world).and_then(|repository| repository.uploads.get(id));
    let unknown = || Fault::new("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry").status(404);
    let upload = upload.ok_or_else(unknown)?;
    let range = asked.header("content-range").map(|range| range.trim_start_matches("bytes "));
    let first = range.and_then(|range| range.split('-').next()?.parse::<u64>().ok());
    if let Some(first) = first.filter(|first| *first != upload.size) {
        let why = format!("First byte of the layer part is {first} instead of {}", upload.size);
        return Err(Fault::new("BLOB_UPLOAD_INVALID", why).status(416));
    }
    Ok((world.settings.directory.join("uploads").join(id), upload.size))
}

/// Writes the body behind the first `before` bytes. What a broken request left there is gone.
async fn append(path: &Path, before: u64, mut body: Incoming) -> Result<u64, Cut> {
    let mut file = opened(path, before).await.map_err(|_| Cut)?;
    let mut size = before;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Cut)?;
        if let Some(data) = frame.data_ref() {
            file.write_all(data).await.map_err(|_| Cut)?;
            size += data.len() as u64;
        }
    }
    file.flush().await.map_err(|_| Cut)?;
    Ok(size)
}

async fn opened(path: &Path, before: u64) -> std::io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).await?;
    }
    let file = File::options().create(true).append(true).open(path).await?;
    file.set_len(before).await?;
    Ok(file)
}

async fn digest(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash) = (File::open(path).await?, Sha256::new());
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(format!("sha256:{}", hex::encode(hash.finalize()))),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// A chunk is kept, and answered as ECR answers: 201, and a range that ends where the first chunk did.
fn chunked(world: &mut World, asked: &Asked, id: &str, size: u64) -> Result<Reply, Fault> {
    let upload = asked.name.repository(world)?.uploads.entry(id.to_owned()).or_default();
    upload.size = size;
    let told = *upload.told.get_or_insert(size.saturating_sub(1));
    Ok(accepted(world, asked, 201, id, told))
}

fn complete(
    world: &mut World,
    asked: &Asked,
    id: &str,
    path: &Path,
    (digest, size): (&str, u64),
) -> Result<Reply, Fault> {
    asked.allow(world, "ecr:CompleteLayerUpload")?;
    asked.name.repository(world)?.uploads.remove(id);
    let wanted = asked.parameter("digest").unwrap_or_default();
    if wanted != digest {
        // Only disk space is lost where the file cannot be removed.
        std::fs::remove_file(path).unwrap_or_default();
        let why = format!("Layer digest {wanted} does not match {digest}, which is what was uploaded");
        return Err(Fault::new("DIGEST_INVALID", why).status(400));
    }
    keep(world, path, &asked.name, digest, size)?;
    let mut reply = Reply::new(201, "text/plain", "");
    reply.headers.push(("location".to_owned(), asked.url(world, &format!("blobs/{digest}"))));
    reply.headers.push(("docker-content-digest".to_owned(), digest.to_owned()));
    Ok(reply)
}

/// Moves the upload's file to where blobs are, and enters the blob into the repository.
fn keep(world: &mut World, path: &Path, name: &Name, digest: &str, size: u64) -> Result<(), Fault> {
    let to = blobs::file(world, digest);
    let moved = to.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::rename(path, &to));
    moved.map_err(|error| Fault::new("ServerException", error.to_string()).status(500))?;
    name.repository(world)?.blobs.insert(digest.to_owned(), size);
    Ok(())
}
