//! What the README shows is what the commands print. `UPDATE_README=1` writes it anew.

use crate::world;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_shows_what_the_commands_print() {
    let world = world::start().await;
    // As it is for whoever begins.
    std::fs::remove_file(world.file("foothold.toml")).expect("remove it");
    let answers = ["--region", "eu-west-1", "--email", "aws+{name}-{account}@example.com"];
    // Nobody says yes.
    assert_eq!(world.xtask(&[&["bootstrap"][..], &answers].concat()).await.status, 1);
    let plan = world.xtask(&["plan"]).await.good().stdout;
    world.xtask(&["bootstrap", "--yes"]).await.good();
    let status = world.xtask(&["status"]).await.good().stdout;
    for (command, printed) in [("plan", plan), ("status", status)] {
        let printed = printed.replace(&world.file("aws-config").display().to_string(), "~/.aws/config");
        compare(command, printed.trim_end());
    }
}

fn compare(command: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).expect("read the README");
    let opening = format!("```console\n$ cargo xtask {command}\n");
    let start = readme.find(&opening).unwrap_or_else(|| panic!("{opening} is not there")) + opening.len();
    let end = start + readme[start..].find("\n```").expect("the end of the block");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, format!("{}{printed}{}", &readme[..start], &readme[end..])).expect("write");
    } else {
        let (shown, printed) = (masked(&readme[start..end]), masked(printed));
        assert_eq!(shown, printed, "write it anew with UPDATE_README=1");
    }
}

/// Without what is another each time: ids, digests, ports.
fn masked(text: &str) -> String {
    let word = |word: &str| match word {
        word if word.contains("127.0.0.1:") => "ADDRESS".to_owned(),
        word if word.starts_with("src-") => "src-TAG".to_owned(),
        word if word.contains("sha256:")
            || word.len() > 10 && word.chars().all(|c| c.is_ascii_hexdigit()) =>
        {
            "ID".to_owned()
        }
        word => word.to_owned(),
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
