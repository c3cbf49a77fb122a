//! Nothing: without a build script Cargo does not unify the features of build dependencies.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
