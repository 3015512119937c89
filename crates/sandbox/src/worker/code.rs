#![expect(unsafe_code, reason = "loading compiled code is trusting it")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

use crate::sealed_reader::SealedReader;

/// The copy of a component's code in the scratch directory, while it is opened.
const COPY: &str = "code";

/// Maps the compiled code of a core module.
pub(super) fn load_module(engine: &Engine, code: OwnedFd) -> Result<Module> {
    // SAFETY: the engine demands bytes that it serialized itself, unmodified, in a file that does not change
    // while it is mapped. The descriptor comes from the node, which is trusted here: it is a memory file sealed
    // against writing, made from what a compiler process of this build returned, or from a cache file whose MAC
    // the node checked under a key that neither guests, workers nor compilers ever hold. The engine checks build
    // and configuration itself. Should a module have subverted its compiler, the code is that module's own, and
    // runs in the jail that is built for exactly that.
    unsafe { Module::deserialize_open_file(engine, File::from(code)) }
}

/// Maps the compiled code of a component of `bytes` bytes.
///
/// The engine opens code of components by name only, and memory files have none. It is worth a copy: of code that is mapped
/// from a file, the first memory of each instance is, too, instead of being copied for each. Where the scratch directory lies
/// on a file system that code cannot be mapped from, the code is copied into memory.
pub(super) fn load_component(engine: &Engine, code: OwnedFd, bytes: u64) -> Result<Component> {
    let mut copy = Vec::with_capacity(usize::try_from(bytes)?);
    SealedReader::new(code).take(bytes).read_to_end(&mut copy)?;
    if let Ok(component) = map_component(engine, &copy) {
        return Ok(component);
    }
    // SAFETY: as in `load_module`; and the bytes are this function's own copy, so they do not change at all.
    unsafe { Component::deserialize(engine, &copy) }
}

fn map_component(engine: &Engine, code: &[u8]) -> Result<Component> {
    let _larger = LargerFiles::allow(code.len() as u64)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, COPY, flags, Mode::RUSR)?;
    let written = File::from(file).write_all(code);
    // SAFETY: as in `load_module`; and no other name of the file is left when a guest comes to run.
    let loaded = written
        .map_err(wasmtime::Error::from)
        .and_then(|()| unsafe { Component::deserialize_file(engine, COPY) });
    rustix::fs::unlinkat(CWD, COPY, AtFlags::empty())?;
    loaded
}

/// Lets this process write a file as large as any that it ever may, as long as no guest runs.
struct LargerFiles(Rlimit);

impl LargerFiles {
    fn allow(bytes: u64) -> Result<Self> {
        let before = rustix::process::getrlimit(Resource::Fsize);
        if before.maximum.is_some_and(|maximum| maximum < bytes) {
            return Err(rustix::io::Errno::FBIG.into());
        }
        rustix::process::setrlimit(Resource::Fsize, Rlimit { current: before.maximum, ..before })?;
        Ok(Self(before))
    }
}

impl Drop for LargerFiles {
    fn drop(&mut self) {
        // What was the limit may be it again.
        let _ = rustix::process::setrlimit(Resource::Fsize, self.0);
    }
}
