//! How large a task is, and which sizes AWS has.

use serde::Serialize;

use super::file::Platform;

/// CPU and memory of a task, and how many run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Size {
    /// In units of 1/1024 of a core.
    pub(crate) cpu: u32,
    /// In MiB.
    pub(crate) memory: u32,
    pub(crate) min_tasks: u32,
    pub(crate) max_tasks: u32,
}

impl Default for Size {
    /// The smallest that both platforms have. Always sent: the API's defaults and the guide's differ.
    fn default() -> Self {
        Size { cpu: 256, memory: 512, min_tasks: 1, max_tasks: 4 }
    }
}

/// The sizes of CPU of a platform.
pub(super) fn cpus(platform: Platform) -> &'static [u32] {
    match platform {
        Platform::EcsExpress => &[256, 512, 1024, 2048, 4096, 8192, 16384],
        Platform::AppRunner => &[256, 512, 1024, 2048, 4096],
    }
}

/// The sizes of memory that a platform has for that CPU, in MiB.
pub(super) fn memories(platform: Platform, cpu: u32) -> Vec<u32> {
    let gib =
        |from: usize, to: usize, step: usize| (from..=to).step_by(step).map(|n| n as u32 * 1024).collect();
    match (platform, cpu) {
        (Platform::EcsExpress, 256) => vec![512, 1024, 2048],
        (Platform::EcsExpress, 512) => gib(1, 4, 1),
        (Platform::EcsExpress, 1024) => gib(2, 8, 1),
        (Platform::EcsExpress, 2048) => gib(4, 16, 1),
        (Platform::EcsExpress, 4096) => gib(8, 30, 1),
        (Platform::EcsExpress, 8192) => gib(16, 60, 4),
        (Platform::EcsExpress, 16384) => gib(32, 120, 8),
        (Platform::AppRunner, 256) => vec![512, 1024],
        (Platform::AppRunner, 512) => vec![1024],
        (Platform::AppRunner, 1024) => gib(2, 4, 1),
        (Platform::AppRunner, 2048) => gib(4, 6, 2),
        (Platform::AppRunner, 4096) => gib(8, 12, 2),
        _ => Vec::new(),
    }
}
