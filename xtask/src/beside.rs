//! Files replaced at once: written beside, to the disk, then renamed. There is never half a file.
//!
//! What is written beside has one name, so that a run that is killed in between leaves nothing that the next one does
//! not use; and it is locked, so that of two runs at once one waits for the other.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// For the owner only.
pub(crate) const PRIVATE: u32 = 0o600;
/// As other programs make files.
pub(crate) const USUAL: u32 = 0o666;

/// The next version of a file. Whoever has it is the only one of us to replace the file.
pub(crate) struct Beside {
    file: PathBuf,
    new: PathBuf,
    open: File,
    done: bool,
}

impl Beside {
    /// Waits for whoever replaces `file` just now. Where there is no such file yet, it will have this mode.
    pub(crate) fn of(file: &Path, mode: u32) -> Result<Self> {
        let mut new = OsString::from(file);
        new.push(".foothold-new");
        let (file, new) = (file.to_owned(), PathBuf::from(new));
        loop {
            let open = File::options().write(true).create(true).truncate(false).mode(mode).open(&new)?;
            open.lock()?;
            // The one that we waited for may have renamed or removed what we have opened.
            if is_at(&open, &new)? {
                return Ok(Self { file, new, open, done: false });
            }
        }
    }

    /// Puts `bytes` in the file's place, with these permissions where they are given.
    pub(crate) fn replace(self, bytes: &[u8], permissions: Option<Permissions>) -> Result<()> {
        self.filled(bytes, permissions)?.put()
    }

    /// Puts `bytes` on the disk, and not yet in the file's place.
    pub(crate) fn filled(mut self, bytes: &[u8], permissions: Option<Permissions>) -> Result<Self> {
        self.open.set_len(0)?;
        self.open.write_all(bytes)?;
        permissions.map_or(Ok(()), |permissions| self.open.set_permissions(permissions))?;
        self.open.sync_all()?;
        Ok(self)
    }

    /// Puts what was filled in the file's place.
    pub(crate) fn put(mut self) -> Result<()> {
        fs::rename(&self.new, &self.file)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.done {
            // Only a file without use is left where it cannot be removed.
            fs::remove_file(&self.new).unwrap_or_default();
        }
    }
}

fn is_at(open: &File, path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        there => {
            let (there, ours) = (there?, open.metadata()?);
            Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_used_and_nothing_stays() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a");
        fs::write(home.path().join("a.foothold-new"), "much longer than what is written now").unwrap();
        Beside::of(&file, USUAL).unwrap().replace(b"new", None).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        drop(Beside::of(&file, USUAL).unwrap());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_at_once_and_each_is_whole_and_none_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let file = &home.path().join("a");
        fs::write(file, "").unwrap();
        let add = |letter: char| {
            let new = Beside::of(file, USUAL).unwrap();
            let text = fs::read_to_string(file).unwrap() + &String::from(letter).repeat(100);
            new.replace(text.as_bytes(), None).unwrap();
        };
        std::thread::scope(|scope| {
            for letter in 'a'..='h' {
                scope.spawn(move || (0..20).for_each(|_| add(letter)));
            }
        });
        let text = fs::read_to_string(file).unwrap();
        assert!(('a'..='h').all(|letter| text.matches(letter).count() == 2_000), "{}", text.len());
    }
}
