//! Is this file a program that runs alone, in an image that holds nothing else?

use anyhow::{Context as _, Result, bail, ensure};

use super::Platform;

const PROGRAM_INTERPRETER: u32 = 3;
const LITTLE_ENDIAN_64: &[u8] = b"\x7fELF\x02\x01";

/// Refuses what is not a Linux program, is for another architecture, or needs a dynamic linker that the image lacks.
pub(crate) fn check(file: &[u8], platform: Platform) -> Result<()> {
    ensure!(file.starts_with(LITTLE_ENDIAN_64), "it is not a 64-bit Linux program (ELF)");
    let machine = u16_at(file, 18)?;
    if machine != platform.elf_machine() {
        bail!("it is for {}, the image is for {platform}", machine_name(machine));
    }
    if interpreter(file)? {
        bail!("it is dynamically linked: the image holds no C library, link it statically");
    }
    Ok(())
}

/// Whether a program header names a dynamic linker.
fn interpreter(file: &[u8]) -> Result<bool> {
    let table = usize::try_from(u64::from_le_bytes(bytes_at(file, 32)?))?;
    let (size, count) = (usize::from(u16_at(file, 54)?), usize::from(u16_at(file, 56)?));
    for index in 0..count {
        let at = table.checked_add(index * size).context("its program headers are damaged")?;
        if u32::from_le_bytes(bytes_at(file, at)?) == PROGRAM_INTERPRETER {
            return Ok(true);
        }
    }
    Ok(false)
}

fn machine_name(machine: u16) -> String {
    match [Platform::X86_64, Platform::Arm64].into_iter().find(|it| it.elf_machine() == machine) {
        Some(platform) => platform.to_string(),
        None => format!("another machine (ELF number {machine})"),
    }
}

fn u16_at(file: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_le_bytes(bytes_at(file, at)?))
}

fn bytes_at<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N]> {
    let bytes = at.checked_add(N).and_then(|end| file.get(at..end)).context("it is cut short")?;
    Ok(bytes.try_into()?)
}
