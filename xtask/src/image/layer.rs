//! A layer: files in a tar, compressed, the same bytes whenever and wherever it is made.

use std::io::Write as _;

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use super::oci::{Blob, Digest, LAYER};

/// A file or directory of the image, owned by root.
pub(crate) struct Entry<'data> {
    /// Absolute, without the leading slash; a directory ends with one.
    pub(crate) path: &'data str,
    pub(crate) mode: u32,
    pub(crate) data: &'data [u8],
}

/// A layer and the checksum of its uncompressed form, which the image's configuration names.
pub(crate) struct Layer {
    pub(crate) blob: Blob,
    pub(crate) diff_id: Digest,
}

/// Packs files, in the order of their paths: no times, no owners, nothing of this machine.
pub(crate) fn pack(entries: &[Entry<'_>]) -> Result<Layer> {
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_by_key(|it| it.path);
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(if entry.path.ends_with('/') {
            EntryType::Directory
        } else {
            EntryType::Regular
        });
        header.set_mode(entry.mode);
        header.set_size(entry.data.len() as u64);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, entry.path, entry.data)?;
    }
    compress(&archive.into_inner()?)
}

/// Compresses a finished tar. The header of gzip names neither a time nor an operating system.
pub(crate) fn compress(tar: &[u8]) -> Result<Layer> {
    const UNKNOWN_SYSTEM: u8 = 255;
    let mut gzip =
        GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::default());
    gzip.write_all(tar)?;
    Ok(Layer { blob: Blob::new(LAYER, gzip.finish()?), diff_id: Digest::of(tar) })
}
