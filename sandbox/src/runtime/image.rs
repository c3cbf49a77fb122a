//! Unpacks an image: its layers, one over the other, and how it wants to be started.

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// How an image wants to be started.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Config {
    pub(super) architecture: String,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) directory: String,
}

impl Config {
    /// The arguments of the process: the entrypoint, and `command` in the place of the image's own.
    pub(super) fn arguments(&self, command: &[String]) -> Vec<String> {
        let command = if command.is_empty() { &self.command } else { command };
        self.entrypoint.iter().chain(command).cloned().collect()
    }
}

/// Unpacks the image of this manifest from `blobs` into `root`.
pub(super) fn unpack(manifest: &Value, blobs: &Path, root: &Path) -> Result<Config> {
    fs::create_dir_all(root).with_context(|| format!("create {}", root.display()))?;
    let config = blob(&manifest["config"], blobs)?;
    let config =
        serde_json::from_slice(&fs::read(&config).with_context(|| format!("read {}", config.display()))?)
            .context("read the image's configuration")?;
    for layer in manifest["layers"].as_array().into_iter().flatten() {
        self::layer(layer, blobs, root)?;
    }
    Ok(read(&config))
}

fn read(config: &Value) -> Config {
    let inner = &config["config"];
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let list = |v: &Value| v.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let pair = |v: String| v.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    Config {
        architecture: text(&config["architecture"]),
        entrypoint: list(&inner["Entrypoint"]),
        command: list(&inner["Cmd"]),
        environment: list(&inner["Env"]).into_iter().filter_map(pair).collect(),
        directory: text(&inner["WorkingDir"]),
    }
}

fn blob(descriptor: &Value, blobs: &Path) -> Result<PathBuf> {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    match digest.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(blobs.join(hex)),
        _ => bail!("invalid digest `{digest}`"),
    }
}

fn layer(descriptor: &Value, blobs: &Path, root: &Path) -> Result<()> {
    let path = blob(descriptor, blobs)?;
    let kind = descriptor["mediaType"].as_str().unwrap_or_default();
    let file = BufReader::new(File::open(&path).with_context(|| format!("open layer {}", path.display()))?);
    if kind.ends_with("gzip") {
        apply(GzDecoder::new(file), root)
    } else if kind.ends_with("tar") {
        apply(file, root)
    } else {
        bail!("the sandbox cannot unpack layers of type `{kind}`")
    }
    .with_context(|| format!("unpack layer {}", path.display()))
}

/// Applies a layer; a whiteout removes what a lower layer brought.
fn apply(layer: impl Read, root: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(layer);
    // A container cannot own files as another user without root, and xattrs of images need it too.
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(false);
    archive.set_overwrite(true);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if !whiteout(&path, root)? && !device(entry.header().entry_type()) {
            entry.unpack_in(root).with_context(|| format!("unpack {}", path.display()))?;
        }
    }
    Ok(())
}

/// Devices cannot be made without root; a container gets the usual ones anyway.
fn device(kind: tar::EntryType) -> bool {
    kind.is_block_special() || kind.is_character_special() || kind.is_fifo()
}

/// Whether this entry is a whiteout, which has then been carried out.
fn whiteout(path: &Path, root: &Path) -> Result<bool> {
    let Some(name) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(".wh.")) else {
        return Ok(false);
    };
    let Some(parent) = within(path.parent().unwrap_or(Path::new("")), root) else {
        bail!("{} leaves the image", path.display());
    };
    if name == ".wh..opq" {
        for entry in fs::read_dir(&parent).into_iter().flatten() {
            remove(&entry?.path())?;
        }
    } else {
        remove(&parent.join(name))?;
    }
    Ok(true)
}

/// A path below `root` that no symbolic link and no `..` leads out of.
fn within(path: &Path, root: &Path) -> Option<PathBuf> {
    let mut real = root.to_owned();
    for part in path.components() {
        match part {
            Component::Normal(name) => real.push(name),
            Component::CurDir => {}
            _ => return None,
        }
        if real.is_symlink() {
            return None;
        }
    }
    Some(real)
}

fn remove(path: &Path) -> Result<()> {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
        .with_context(|| format!("remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn put(blobs: &Path, digit: &str, bytes: &[u8]) -> String {
        fs::write(blobs.join(digit.repeat(64)), bytes).unwrap();
        format!("sha256:{}", digit.repeat(64))
    }

    #[test]
    fn layers_are_laid_over_each_other_and_whiteouts_remove() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, root) = (dir.path(), dir.path().join("root"));
        let config = json!({"architecture": "amd64", "config": {"Entrypoint": ["/app"], "Cmd": ["serve"], "Env": ["A=b=c"], "WorkingDir": "/srv"}});
        let lower = tar(&[("app", "one"), ("gone", "x"), ("dir/a", "x"), ("dir/b", "x")]);
        let upper = tar(&[("app", "two"), (".wh.gone", ""), ("dir/.wh..wh..opq", ""), ("dir/c", "x")]);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&upper).unwrap();
        let manifest = json!({
            "config": {"digest": put(blobs, "a", config.to_string().as_bytes())},
            "layers": [
                {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": put(blobs, "b", &lower)},
                {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": put(blobs, "c", &gz.finish().unwrap())},
            ],
        });
        let config = unpack(&manifest, blobs, &root).unwrap();
        assert_eq!(config.arguments(&[]), ["/app", "serve"]);
        assert_eq!(config.arguments(&["other".to_owned()]), ["/app", "other"]);
        assert_eq!(config.environment, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!((config.directory.as_str(), config.architecture.as_str()), ("/srv", "amd64"));
        assert_eq!(fs::read_to_string(root.join("app")).unwrap(), "two");
        assert!(!root.join("gone").exists() && !root.join("dir/a").exists() && !root.join("dir/b").exists());
        assert!(root.join("dir/c").exists());
    }

    #[test]
    fn a_layer_that_climbs_out_of_the_root_writes_nothing_there() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(dir.path().join("victim"), "x").unwrap();
        assert!(whiteout(Path::new("../.wh.victim"), &root).is_err());
        std::os::unix::fs::symlink(dir.path(), root.join("link")).unwrap();
        assert!(whiteout(Path::new("link/.wh.victim"), &root).is_err());
        assert!(dir.path().join("victim").exists());
    }

    #[test]
    fn a_blob_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = json!({"config": {"digest": format!("sha256:{}", "d".repeat(64))}});
        let error = unpack(&manifest, dir.path(), &dir.path().join("root")).unwrap_err();
        assert!(format!("{error:#}").contains("dddd"), "{error:#}");
    }
}
