//! Built for real by cargo: the same everywhere, able to run alone, refused when it could not.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::fixture::{NATIVE, Workspace, image, program};
use crate::image::{Linkage, Platform, build, elf, make};

#[tokio::test]
async fn two_builds_in_two_places_are_one_image() {
    let (first, second) = (Workspace::committed(), Workspace::committed());
    let one = make(&first.source(), &NATIVE, &|_| ()).await.unwrap();
    let two = make(&second.source(), &NATIVE, &|_| ()).await.unwrap();
    assert_eq!(one.digest(), two.digest());
    assert_eq!(one.sbom.unwrap().data, two.sbom.unwrap().data);

    let binary = std::fs::read(first.root().join("target/x86_64-unknown-linux-gnu/image/app")).unwrap();
    let names = |text: &str| binary.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(!names(&first.root().display().to_string()) && !names(env!("HOME")));
    assert!(names("/source/part/src/lib.rs") || names("part/src/lib.rs"), "the panic's place is kept");
}

#[tokio::test]
async fn the_bill_of_materials_lists_what_is_inside_and_nothing_else() {
    let image = make(&Workspace::committed().source(), &NATIVE, &|_| ()).await.unwrap();
    let list: serde_json::Value = serde_json::from_slice(&image.sbom.unwrap().data).unwrap();
    assert_eq!(list["metadata"]["component"]["purl"], "pkg:cargo/app@0.1.0");
    assert_eq!(list["metadata"]["component"]["licenses"][0]["expression"], "MIT");
    assert_eq!(list["components"].as_array().unwrap().len(), 1);
    assert_eq!(list["components"][0]["name"], "part");
    assert_eq!(list["dependencies"][0]["dependsOn"][0], "pkg:cargo/part@0.1.0");
}

#[tokio::test]
async fn what_does_not_compile_is_shown_as_the_compiler_says_it() {
    let workspace = Workspace::committed();
    workspace.write("app/src/main.rs", "fn main() { let number: u32 = \"word\"; }\n");
    let error = build(&workspace.source(), Linkage::StaticGlibc, &|_| ()).await.unwrap_err().to_string();
    assert!(error.contains("error[E0308]: mismatched types"), "{error}");
    assert!(error.contains("app/src/main.rs:1:31"), "{error}");
}

#[tokio::test]
async fn a_lock_file_that_does_not_fit_is_said() {
    let workspace = Workspace::committed();
    workspace.write("Cargo.lock", "version = 4\n");
    let error = build(&workspace.source(), Linkage::StaticGlibc, &|_| ()).await.unwrap_err().to_string();
    assert!(error.contains("--locked"), "{error}");
}

#[tokio::test]
async fn a_file_that_the_fingerprint_leaves_out_may_not_be_built_in() {
    let workspace = Workspace::committed();
    workspace.write("app/config/hidden.json", "{}");
    workspace
        .write("app/src/main.rs", "fn main() { print!(\"{}\", include_str!(\"../config/hidden.json\")); }\n");
    let error = build(&workspace.source(), Linkage::StaticGlibc, &|_| ()).await.unwrap_err().to_string();
    assert!(error.contains("app/config/hidden.json` is part of the binary"), "{error}");
}

#[test]
fn only_a_static_binary_for_the_right_machine_is_taken() {
    let mut alone = program(&["-C", "target-feature=+crt-static"]);
    elf::check(&alone, Platform::X86_64).unwrap();

    let said = elf::check(&program(&[]), Platform::X86_64).unwrap_err().to_string();
    assert!(said.contains("dynamically linked"), "{said}");
    let said = elf::check(&alone, Platform::Arm64).unwrap_err().to_string();
    assert_eq!(said, "it is for x86_64, the image is for arm64");
    let said = elf::check(b"#!/bin/sh\n", Platform::X86_64).unwrap_err().to_string();
    assert!(said.contains("not a 64-bit Linux program"), "{said}");
    alone.truncate(100);
    let said = elf::check(&alone, Platform::X86_64).unwrap_err().to_string();
    assert!(said.contains("cut short"), "{said}");
}

#[test]
fn the_image_holds_what_a_program_needs_and_no_shell() {
    let image = image("app");
    let mut found = Vec::new();
    for layer in &image.layers {
        let tar = flate2::read::GzDecoder::new(&layer.data[..]);
        for entry in tar::Archive::new(tar).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
            let path = entry.path().unwrap().display().to_string();
            if path.ends_with(".crt") {
                certificates_are_readable(&mut entry);
            }
            found.push((path, header.mode().unwrap()));
        }
    }
    let expected = [
        ("etc/", 0o755),
        ("etc/group", 0o644),
        ("etc/nsswitch.conf", 0o644),
        ("etc/passwd", 0o644),
        ("etc/ssl/", 0o755),
        ("etc/ssl/certs/", 0o755),
        ("etc/ssl/certs/ca-certificates.crt", 0o644),
        ("tmp/", 0o1777),
        ("app", 0o755),
    ];
    assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
}

fn certificates_are_readable(file: &mut impl std::io::Read) {
    let mut pem = Vec::new();
    file.read_to_end(&mut pem).unwrap();
    let read: Vec<_> = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect();
    assert_eq!(read, webpki_root_certs::TLS_SERVER_ROOT_CERTS);
}
