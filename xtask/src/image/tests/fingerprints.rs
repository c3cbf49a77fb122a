//! What changes the fingerprint, and what does not.

use super::fixture::{NATIVE, Workspace};
use crate::image::{Builder, Engine, Linkage, fingerprint, last_commit};

async fn tag(workspace: &Workspace) -> String {
    fingerprint(&workspace.source(), &NATIVE).await.unwrap().tag()
}

#[tokio::test]
async fn one_source_in_two_places_has_one_fingerprint() {
    let (first, second) = (tag(&Workspace::committed()).await, tag(&Workspace::new()).await);
    assert_eq!(first, second);
    assert!(first.starts_with("src-") && first.len() == 20, "{first}");
}

#[tokio::test]
async fn what_the_binary_is_made_of_counts() {
    let changes = [
        ("app/src/main.rs", "fn main() {}"),
        ("part/src/lib.rs", "pub fn place() -> &'static str { \"\" }"),
        ("part/src/untracked.rs", ""),
        ("app/assets/page.html", "<h1>"),
        (".cargo/config.toml", "[build]\nincremental = true\n"),
        (
            "Cargo.toml",
            "[workspace]\nmembers = ['app', 'part', 'tool']\nresolver = '3'\n[profile.image]\ninherits = 'dev'\n",
        ),
    ];
    let before = tag(&Workspace::committed()).await;
    for (name, content) in changes {
        let workspace = Workspace::committed();
        workspace.write(name, content);
        assert_ne!(tag(&workspace).await, before, "{name}");
    }
}

#[tokio::test]
async fn what_it_is_not_made_of_does_not() {
    let workspace = Workspace::committed();
    let before = tag(&workspace).await;
    let others =
        ["tool/src/lib.rs", "app/notes.log", "app/config/development.json", "app/tests/it.rs", "README.md"];
    for name in others {
        workspace.write(name, "//");
    }
    workspace.write(".cargo/config.toml", "[alias]\nx = 'run'\n");
    assert_eq!(tag(&workspace).await, before);
}

#[tokio::test]
async fn the_lock_file_counts_as_far_as_it_is_used() {
    let workspace = Workspace::committed();
    let before = tag(&workspace).await;
    let lock = std::fs::read_to_string(workspace.root().join("Cargo.lock")).unwrap();
    let tool = "name = \"tool\"\nversion = \"0.1.0\"";
    workspace.write("Cargo.lock", &lock.replace(tool, "name = \"tool\"\nversion = \"0.2.0\""));
    assert_eq!(tag(&workspace).await, before);
    let part = "name = \"part\"\nversion = \"0.1.0\"";
    workspace.write("Cargo.lock", &lock.replace(part, "name = \"part\"\nversion = \"0.2.0\""));
    assert_ne!(tag(&workspace).await, before);
}

#[tokio::test]
async fn the_builder_counts_and_its_dockerfile() {
    let workspace = Workspace::committed();
    let source = workspace.source();
    let docker = Builder::Engine(Engine::Docker);
    let native = tag(&workspace).await;
    assert_ne!(fingerprint(&source, &Builder::Native(Linkage::Musl)).await.unwrap().tag(), native);
    let before = fingerprint(&source, &docker).await.unwrap();
    assert_ne!(before.tag(), native);
    workspace.write("app/Dockerfile", "FROM scratch\n");
    assert_ne!(fingerprint(&source, &docker).await.unwrap(), before);
    assert_eq!(tag(&workspace).await, native);
}

#[tokio::test]
async fn the_commit_is_the_last_that_touched_what_is_covered() {
    let workspace = Workspace::committed();
    let first = workspace.git(&["rev-parse", "HEAD"]).trim().to_owned();
    workspace.write("tool/src/lib.rs", "//");
    workspace.write("app/config/development.json", "{}");
    workspace.commit("2026-02-02T00:00:00Z");

    let commit = last_commit(&workspace.source(), &[]).await.unwrap().unwrap();
    assert_eq!((commit.revision, commit.created), (first, "2026-01-02T03:04:05Z".into()));

    workspace.write("part/src/more.rs", "");
    assert_eq!(last_commit(&workspace.source(), &[]).await.unwrap(), None, "dirty");
    let second = workspace.commit("2026-03-02T00:00:00Z");
    assert_eq!(last_commit(&workspace.source(), &[]).await.unwrap().unwrap().revision, second);
    std::fs::remove_file(workspace.root().join("part/src/more.rs")).unwrap();
    assert_eq!(last_commit(&workspace.source(), &[]).await.unwrap(), None, "deleted");
}

#[tokio::test]
async fn what_only_an_engine_goes_by_counts_for_its_images_only() {
    let workspace = Workspace::committed();
    let recipe = ["app/Dockerfile".to_owned(), ".dockerignore".to_owned()];
    for file in &recipe {
        workspace.write(file, "another");
        assert_eq!(last_commit(&workspace.source(), &recipe).await.unwrap(), None, "{file} is dirty");
        assert!(last_commit(&workspace.source(), &[]).await.unwrap().is_some());
        let commit = workspace.commit("2026-02-02T00:00:00Z");
        assert_eq!(last_commit(&workspace.source(), &recipe).await.unwrap().unwrap().revision, commit);
    }
}

#[tokio::test]
async fn outside_git_and_in_a_shallow_clone_there_is_no_commit_to_name() {
    assert_eq!(last_commit(&Workspace::new().source(), &[]).await.unwrap(), None);

    let (whole, shallow) = (Workspace::committed(), tempfile::tempdir().unwrap());
    whole.write("README.md", "later");
    whole.commit("2026-02-02T00:00:00Z");
    let (from, to) = (format!("file://{}", whole.root().display()), shallow.path().display().to_string());
    whole.git(&["clone", "--quiet", "--depth", "1", &from, &to]);
    let source = crate::image::Source { root: shallow.path().into(), ..whole.source() };
    assert_eq!(last_commit(&source, &[]).await.unwrap(), None);
    assert!(last_commit(&whole.source(), &[]).await.unwrap().is_some());
}
