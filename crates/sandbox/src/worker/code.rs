#![expect(unsafe_code, reason = "loading compiled code is trusting it")]

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

use crate::sealed_reader::SealedReader;

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

/// Copies the compiled code of a component of `bytes` bytes.
pub(super) fn load_component(engine: &Engine, code: OwnedFd, bytes: u64) -> Result<Component> {
    let mut copy = Vec::with_capacity(usize::try_from(bytes)?);
    SealedReader::new(code).take(bytes).read_to_end(&mut copy)?;
    // SAFETY: as in `load_module`; and the bytes are this function's own copy, so they do not change at all.
    unsafe { Component::deserialize(engine, &copy) }
}
