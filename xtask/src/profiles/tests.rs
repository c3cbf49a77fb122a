//! Any file in, our section added and removed again: the same bytes out. And what is refused stays as it was.

mod any;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::*;

const ROLE: &[(&str, Option<&str>)] = &[
    ("role_arn", Some("arn:aws:iam::111122223333:role/OrganizationAccountAccessRole")),
    ("source_profile", Some("admin")),
    ("region", Some("eu-west-1")),
];

fn with(text: &str, name: &str) -> String {
    let mut text = Text::parse(text).unwrap();
    text.set(&profile(name), "Shop", ROLE);
    text.to_string()
}

fn without(text: &str, name: &str) -> String {
    let mut text = Text::parse(text).unwrap();
    text.remove(&profile(name));
    text.to_string()
}

/// SplitMix64: the same files everywhere, always.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    /// A file of lines that people write, and some that they should not, with any line ends.
    fn file(&mut self) -> String {
        const LINES: &[&str] = &[
            "",
            "",
            " ",
            "\t",
            "# a comment",
            "; another",
            "  # indented",
            "region = eu-west-1",
            "key=value # why",
            "s3 =",
            "  max_concurrent_requests = 20",
            "nonsense",
            "[default]",
            "[profile a]",
            "[profile  \"b\"]",
            "[profile c] ; his",
            "[sso-session team]",
            "# managed by cargo xtask: Other",
            "ünïcödé = ✓",
            "\u{feff}",
            "[",
        ];
        let crlf = self.roll(3);
        let mut file = String::new();
        for _ in 0..self.roll(12) {
            file.push_str(LINES[self.roll(LINES.len())]);
            let windows = crlf == 1 || crlf == 2 && self.roll(2) == 0;
            file.push_str(if windows { "\r\n" } else { "\n" });
        }
        if self.roll(2) == 0 {
            file.push_str(LINES[self.roll(LINES.len())]);
        }
        file
    }
}

#[test]
fn added_and_removed_again_any_file_is_the_same_bytes() {
    let (mut dice, mut accepted) = (Dice(6), 0);
    for round in 0..6_000 {
        let file = dice.file();
        if Text::parse(&file).is_err() {
            continue;
        }
        accepted += 1;
        let one = with(&file, "dev");
        let both = with(&one, "config");
        assert_eq!(without(&one, "dev"), file, "round {round}: {file:?}");
        assert_eq!(without(&without(&both, "dev"), "config"), file, "round {round}: {file:?} by {both:?}");
        assert_eq!(without(&without(&both, "config"), "dev"), file, "round {round}: {file:?} by {both:?}");
        assert_eq!(with(&both, "dev"), both, "set again, nothing changes");
    }
    assert!(accepted > 1_500, "only {accepted} of the files were accepted");
}

#[test]
fn drifted_settings_are_put_right_and_the_persons_own_stay() {
    let drifted =
        with("", "dev").replace("eu-west-1", "us-east-1 # moved\n  more") + "output = json\n\n# of prod\n";
    let file = with(&drifted, "dev");
    assert_eq!(file, with("", "dev") + "output = json\n\n# of prod\n");
    assert_eq!(without(&file, "dev"), "\n# of prod\n");
}

#[test]
fn a_setting_is_read_as_the_sdks_read_it() {
    let text = Text::parse("[profile  \"dev\"] # mine\nREGION=a#b # c\nx = 1\n").unwrap();
    let section = text.section("profile dev").unwrap();
    assert_eq!(section.get("region").as_deref(), Some("a#b"));
    assert!(!section.is_of("Shop"));
}

#[test]
fn a_name_of_somebody_elses_is_not_taken() {
    assert_eq!(name_for("[profile dev]\nregion = x\n", "Shop", "dev"), "shop-dev");
    assert_eq!(name_for(&with("", "dev"), "Shop", "dev"), "dev");
    assert_eq!(name_for(&with("", "dev"), "Other", "dev"), "other-dev");
    assert_eq!(name_for("", "Shop", "dev"), "dev");
}

#[test]
fn refused_with_the_line_that_is_wrong() {
    let why = |text| Text::parse(text).err().unwrap().to_string();
    let twice = why("[profile a]\nx = 1\n[profile 'a']\n");
    assert_eq!(twice, "the section `[profile a]` is there twice, on lines 1 and 3: keep one");
    assert_eq!(why("\n[profile a\n"), "line 2 opens a section and never closes it: `[profile a`");
    assert!(why("[a]\rx = 1\n").starts_with("line 1 has a carriage return"));
}

fn add(file: &Path) -> Result<()> {
    edit(file, "Shop", |text| text.set(&profile("dev"), "Shop", ROLE), |_| Ok(()))
}

fn take(file: &Path) -> Result<()> {
    edit(file, "Shop", |text| text.remove(&profile("dev")), |_| Ok(()))
}

#[test]
fn the_link_the_mode_and_a_backup_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let (real, link) = (home.path().join("real"), home.path().join("config"));
    let text = "# mine\r\n[default]\r\nregion = eu-west-1";
    fs::write(&real, text).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real", &link).unwrap();
    add(&link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), with(text, "dev"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    edit(&link, "Shop", |text| text.set(&profile("x"), "Shop", ROLE), |_| Ok(())).unwrap();
    let backup = home.path().join("real.before-foothold");
    assert_eq!(
        fs::read_to_string(&backup).unwrap(),
        text,
        "the backup is of what it was before the first edit"
    );
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o640);
    edit(&link, "Shop", |text| text.remove(&profile("x")), |_| Ok(())).unwrap();
    take(&link).unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), text);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3, "nothing else is left behind");
}

#[test]
fn absent_then_made_with_its_directory_for_its_owner_only() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".aws").join("config");
    add(&file).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), with("", "dev"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    edit(&file, "Shop", |text| text.set(&profile("x"), "Shop", ROLE), |_| Ok(())).unwrap();
    assert_eq!(
        fs::read_dir(home.path().join(".aws")).unwrap().count(),
        1,
        "nothing but ours needs no backup"
    );
}

#[test]
fn what_cannot_be_read_is_refused_and_stays() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::create_dir(path("directory")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    fs::write(path("latin"), b"[profile caf\xe9]\n").unwrap();
    let why = |name: &str| format!("{:#}", add(&path(name)).err().unwrap());
    assert!(why("directory").contains("is a directory"));
    assert!(why("dangling").contains("is a link to nowhere, which does not exist"));
    assert!(why("latin").contains("as UTF-8"), "{}", why("latin"));
    assert_eq!(fs::read(path("latin")).unwrap(), b"[profile caf\xe9]\n");
    assert!(path("dangling").is_symlink() && !path("nowhere").exists());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
}

#[test]
fn what_would_not_read_back_is_not_written() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    fs::write(&file, "[default]\n").unwrap();
    let refused = edit(&file, "Shop", |text| text.remove("default"), |_| anyhow::bail!("no"));
    assert!(format!("{:#}", refused.err().unwrap()).contains("which stays as it is: no"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "[default]\n");
}

const FULL: &str = "FOOTHOLD_TEST_FULL_DISK";

/// A limit on the size of files stands for a full disk: both fail in the middle of writing.
#[test]
fn on_a_full_disk_the_file_is_what_it_was() {
    if let Some(file) = std::env::var_os(FULL) {
        let error = add(Path::new(&file)).err().map(|error| format!("{error:#}"));
        assert!(error.is_some_and(|error| error.contains("which stays as it was")));
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    let text = "[default]\n# long\n".to_owned() + &"#\n".repeat(1_000);
    fs::write(&file, &text).unwrap();
    let test = "profiles::tests::on_a_full_disk_the_file_is_what_it_was";
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact \"$1\"";
    let exe = std::env::current_exe().unwrap();
    let ran = Command::new("sh").args(["-c", script]).arg(exe).arg(test).env(FULL, &file).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

/// Without a line end, the last line changes by what comes after it.
#[test]
fn what_is_shown_has_no_secret_of_somebody_elses_nor_one_that_they_put_into_ours() {
    let theirs = "[profile a]\nregion = eu-west-1\naws_access_key_id = AKIA\naws_secret_access_key = hidden";
    let ours = Settings::from([("role_arn".to_owned(), "arn".to_owned())]);
    let shown = |before: &str, sections: &[&str], gone: &[&str]| {
        let sections = sections.iter().map(|name| (profile(name), ours.clone()));
        let gone = gone.iter().map(|name| profile(name)).collect();
        let rewrite = Rewrite::of(&Text::parse(before).unwrap(), "Shop", sections, gone);
        let mut after = Text::parse(before).unwrap();
        rewrite.apply(&mut after);
        (rewrite.difference(Path::new("config"), before).unwrap(), after.to_string())
    };
    let (added, text) = shown(theirs, &["dev"], &[]);
    assert_eq!(
        added,
        "--- config\n+++ config\n@@ -4,0 +5,4 @@\n+\n+[profile dev]\n+# managed by cargo xtask: Shop\n+role_arn = arn\n"
    );
    let text =
        text + "\naws_secret_access_key = hidden\n  hidden, too\nhiddenAsIs==\n# hidden\ncolor = hidden";
    let (removed, back) = shown(&text, &[], &["dev"]);
    assert_eq!(
        removed,
        "--- config\n+++ config\n@@ -5,9 +4,0 @@\n-\n-[profile dev]\n-# managed by cargo xtask: Shop\n-role_arn = \
         arn\n-aws_secret_access_key = …\n-…\n-…\n-…\n-color = …\n"
    );
    assert_eq!(back, theirs);
}
