//! What an image runs on, in everybody's words.

use std::fmt;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Linkage;

/// The processors that the image is made for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Platform {
    /// Intel's and AMD's.
    #[default]
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton, as AWS calls its own.
    Arm64,
}

impl Platform {
    /// This machine's, which it can run.
    pub(crate) fn here() -> Self {
        if cfg!(target_arch = "aarch64") { Platform::Arm64 } else { Platform::X86_64 }
    }

    /// By the name in an image's configuration.
    pub(crate) fn of_oci(name: &str) -> Option<Self> {
        [Platform::X86_64, Platform::Arm64].into_iter().find(|it| it.oci() == name)
    }

    pub(crate) fn target(self, linkage: Linkage) -> &'static str {
        match (self, linkage) {
            (Platform::X86_64, Linkage::StaticGlibc) => "x86_64-unknown-linux-gnu",
            (Platform::Arm64, Linkage::StaticGlibc) => "aarch64-unknown-linux-gnu",
            (Platform::X86_64, _) => "x86_64-unknown-linux-musl",
            (Platform::Arm64, _) => "aarch64-unknown-linux-musl",
        }
    }

    pub(crate) fn rust_arch(self) -> &'static str {
        match self {
            Platform::X86_64 => "x86_64",
            Platform::Arm64 => "aarch64",
        }
    }

    /// The name in an image's configuration and for `--platform linux/…`.
    pub(crate) fn oci(self) -> &'static str {
        match self {
            Platform::X86_64 => "amd64",
            Platform::Arm64 => "arm64",
        }
    }

    pub(crate) fn elf_machine(self) -> u16 {
        match self {
            Platform::X86_64 => 62,
            Platform::Arm64 => 183,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Platform::X86_64 => "x86_64",
            Platform::Arm64 => "arm64",
        })
    }
}
