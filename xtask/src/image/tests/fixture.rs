//! A small workspace to build from, and a small image to push.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::image::oci::Blob;
use crate::image::{Builder, Commit, Contents, Image, Linkage, Platform, Source, assemble};

pub(super) const NATIVE: Builder = Builder::Native(Linkage::StaticGlibc);

const FILES: [(&str, &str); 7] = [
    (
        "Cargo.toml",
        "[workspace]\nmembers = ['app', 'part', 'tool']\nresolver = '3'\n[profile.image]\ninherits = 'release'\nstrip = 'symbols'\n",
    ),
    (
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"part\",\n]\n\n\
         [[package]]\nname = \"part\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"tool\"\nversion = \"0.1.0\"\n",
    ),
    (
        "app/Cargo.toml",
        "[package]\nname = 'app'\nversion = '0.1.0'\nedition = '2024'\nlicense = 'MIT'\n[dependencies]\npart = { path = '../part' }\n",
    ),
    ("app/src/main.rs", "fn main() { println!(\"{}\", part::place()); }\n"),
    ("part/Cargo.toml", "[package]\nname = 'part'\nversion = '0.1.0'\nedition = '2024'\n"),
    (
        "part/src/lib.rs",
        "pub fn place() -> &'static str { if std::env::args().count() > 9 { panic!() }; file!() }\n",
    ),
    ("tool/Cargo.toml", "[package]\nname = 'tool'\nversion = '0.1.0'\nedition = '2024'\n"),
];

/// A workspace of `app`, which is built with `part`, and `tool`, which the image is not made of.
pub(super) struct Workspace {
    directory: TempDir,
}

impl Workspace {
    pub(super) fn new() -> Self {
        let workspace = Workspace { directory: tempfile::tempdir().unwrap() };
        for (name, content) in FILES {
            workspace.write(name, content);
        }
        workspace.write("tool/src/lib.rs", "");
        workspace
    }

    /// The same, committed, at a moment that the test knows.
    pub(super) fn committed() -> Self {
        let workspace = Workspace::new();
        workspace.write(".gitignore", "/target\n*.log\n");
        workspace.git(&["init", "--quiet"]);
        workspace.commit("2026-01-02T03:04:05Z");
        workspace
    }

    pub(super) fn commit(&self, date: &str) -> String {
        self.git(&["add", "--all"]);
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        let mut arguments = who.to_vec();
        let stamp = format!("--date={date}");
        arguments.extend(["commit", "--quiet", "--message", "change", &stamp]);
        let status = Command::new("git")
            .current_dir(self.root())
            .env("GIT_COMMITTER_DATE", date)
            .args(arguments)
            .status()
            .unwrap();
        assert!(status.success());
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").current_dir(self.root()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn source(&self) -> Source {
        Source { root: self.root().into(), package: "app".into(), platform: Platform::X86_64 }
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// A program made by rustc alone, statically linked or not.
pub(super) fn program(flags: &[&str]) -> Vec<u8> {
    program_of("fn main() { println!(\"hello\"); }", flags)
}

pub(super) fn program_of(code: &str, flags: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (source, binary) = (directory.path().join("hello.rs"), directory.path().join("hello"));
    std::fs::write(&source, code).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["-C", "strip=symbols"]).args(flags).arg("-o").arg(&binary).arg(&source);
    assert!(rustc.status().unwrap().success());
    std::fs::read(binary).unwrap()
}

fn hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| program(&["-C", "target-feature=+crt-static"]))
}

/// An image of a program that says hello, with a bill of materials.
pub(super) fn image(name: &str) -> Image {
    image_of(name, hello())
}

pub(super) fn image_of(name: &str, binary: &[u8]) -> Image {
    let commit = Commit { revision: "0123abc".into(), created: "2026-01-02T03:04:05Z".into() };
    let (name, binary) = (name.to_owned(), binary.to_vec());
    let contents = Contents { name, binary, platform: Platform::X86_64, commit: Some(commit) };
    let mut image = assemble(&contents).unwrap();
    image.sbom = Some(Blob::new("application/vnd.cyclonedx+json", "{\"bomFormat\":\"CycloneDX\"}"));
    image
}
