//! The token cache that every AWS SDK reads: `~/.aws/sso/cache/<SHA-1 of the session's name>.json`.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use time::OffsetDateTime;

use crate::beside::{Beside, PRIVATE};

/// Where the token of one session is kept.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) file: PathBuf,
}

/// A person's session, and what renews it. Never shown by `Debug`: there is none.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token {
    #[serde(default)]
    pub(super) start_url: String,
    #[serde(default)]
    pub(super) region: String,
    pub(super) access_token: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) expires_at: OffsetDateTime,
    #[serde(flatten)]
    pub(super) renewal: Option<Renewal>,
}

/// What a token is renewed with.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Renewal {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) registration_expires_at: OffsetDateTime,
    pub(super) refresh_token: String,
}

/// A token is renewed this long before it ends, as the SDKs do.
const EARLY: Duration = Duration::from_secs(5 * 60);

impl Token {
    pub(super) fn is_fresh(&self) -> bool {
        self.expires_at - EARLY > OffsetDateTime::now_utc()
    }

    pub(super) fn is_good(&self) -> bool {
        self.expires_at > OffsetDateTime::now_utc()
    }

    /// What it can be renewed with, now.
    pub(super) fn renewal(&self) -> Option<&Renewal> {
        self.renewal.as_ref().filter(|with| with.registration_expires_at > OffsetDateTime::now_utc())
    }
}

impl Cache {
    pub(crate) fn of(home: &Path, session: &str) -> Self {
        let name = hex::encode(Sha1::digest(session.as_bytes()));
        Self { file: home.join(".aws/sso/cache").join(format!("{name}.json")) }
    }

    /// `None`: nobody has signed in here.
    pub(super) fn read(&self) -> Result<Option<Token>> {
        let file = self.file.display();
        let bytes = match fs::read(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(|| format!("read the sign-in in {file}"))?,
        };
        let token = serde_json::from_slice(&bytes).with_context(|| {
            format!("read the sign-in in {file}: it is damaged; `cargo xtask login` replaces it")
        })?;
        Ok(Some(token))
    }

    /// Replaces the file at once; only its owner can read it.
    pub(super) fn write(&self, token: &Token) -> Result<()> {
        let write = || -> Result<()> {
            let directory = self.file.parent().context("find its directory")?;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let new = Beside::of(&self.file, PRIVATE)?;
            Ok(new.replace(&serde_json::to_vec(token)?, None)?)
        };
        write().with_context(|| format!("write {}", self.file.display()))
    }

    /// Whether there was one.
    pub(super) fn remove(&self) -> Result<bool> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            removed => {
                removed.with_context(|| format!("remove {}", self.file.display()))?;
                Ok(true)
            }
        }
    }
}

/// So many seconds from now; whole seconds, as other tools write them.
pub(super) fn in_seconds(seconds: i64) -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now) + Duration::from_secs(seconds.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn token() -> Token {
        Token {
            start_url: "https://d-1.awsapps.com/start".into(),
            region: "eu-west-1".into(),
            access_token: "secret".into(),
            expires_at: in_seconds(3600),
            renewal: Some(Renewal {
                client_id: "id".into(),
                client_secret: "s".into(),
                registration_expires_at: in_seconds(90 * 86_400),
                refresh_token: "r".into(),
            }),
        }
    }

    #[test]
    fn the_file_is_where_the_sdks_look_and_for_its_owner_only() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::of(home.path(), "shop");
        // What `printf shop | sha1sum` says.
        assert!(cache.file.ends_with(".aws/sso/cache/5042d146667518a1a5017644946b8650aafca44c.json"));
        cache.write(&token()).unwrap();
        assert_eq!(fs::metadata(&cache.file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(cache.read().unwrap() == Some(token_of(&cache)));
        assert!(cache.remove().unwrap() && !cache.remove().unwrap());
    }

    fn token_of(cache: &Cache) -> Token {
        serde_json::from_slice(&fs::read(&cache.file).unwrap()).unwrap()
    }

    #[test]
    fn times_end_with_z_and_have_whole_seconds() {
        let text = serde_json::to_value(token()).unwrap()["expiresAt"].as_str().unwrap().to_owned();
        assert!(text.ends_with('Z') && text.len() == "2026-01-01T00:00:00Z".len(), "{text}");
    }

    #[test]
    fn what_other_tools_leave_out_is_no_damage_and_damage_is_said() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::of(home.path(), "shop");
        cache.write(&token()).unwrap();
        fs::write(&cache.file, r#"{"accessToken": "a", "expiresAt": "2030-01-01T00:00:00Z", "new": 1}"#)
            .unwrap();
        assert!(cache.read().unwrap().unwrap().renewal.is_none());
        fs::write(&cache.file, "{\"accessToken\": \"a").unwrap();
        let said = format!("{:#}", cache.read().err().unwrap());
        assert!(said.contains("it is damaged; `cargo xtask login` replaces it"), "{said}");
    }
}
