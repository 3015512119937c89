//! Compiled code, kept on disk under a seal.
//!
//! Compiled code is run as it is, so a file that somebody else could have written must never be loaded. Each file
//! carries an HMAC-SHA256 under a key that only the node holds; workers and compilers never see it.
//!
//! ```text
//! file `<code key in hex>`:  magic 8 | needs 21 | HMAC-SHA256 32 over magic, needs, code key, code | code
//! needs                     kind u8: 1 component, 2 command, 4 handler | memory u64 LE | table elements u64 LE | memories or tables u32 LE
//! ```

mod memory;

use std::sync::{Arc, Mutex, PoisonError};

use casemate_fs::{Dir, EntryKind, SealedBytes};
use casemate_model::{Digest, Entropy, Hasher, LimitKind, Project, RunLimits};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::SandboxError;
use crate::inspect::{ModuleError, ModuleFacts};
use crate::{Profile, engine, engine_build};
use memory::Memory;

/// Identifies compiled code: module, engine and configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CodeKey(pub(crate) [u8; 32]);

/// Compiled code in sealed memory.
pub(crate) struct Code {
    /// The code.
    pub(crate) bytes: SealedBytes,
    /// What it needs to start.
    pub(crate) needs: Needs,
}

/// What any run of a module needs, known before it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// A component, else a core module.
    pub(crate) component: bool,
    command: bool,
    handler: bool,
    memory_bytes: u64,
    table_elements: u64,
    objects: u32,
}

impl Needs {
    /// Why the module cannot be run for this, if it cannot: to answer a request, or as a command.
    pub(crate) fn unfit(&self, serving: bool) -> Option<ModuleError> {
        match serving {
            true => (!self.handler).then_some(ModuleError::NoHandler),
            false => (!self.command).then_some(ModuleError::OnlyHandler),
        }
    }

    /// The limit that is too low for the module even to start, if one is.
    pub(crate) fn beyond(&self, limits: &RunLimits) -> Option<LimitKind> {
        if self.memory_bytes > limits.memory_bytes {
            return Some(LimitKind::Memory);
        }
        if self.table_elements > limits.table_elements {
            return Some(LimitKind::TableElements);
        }
        (self.objects > limits.instances).then_some(LimitKind::Instances)
    }

    fn encode(&self) -> [u8; NEEDS_BYTES] {
        let mut bytes = [0; NEEDS_BYTES];
        bytes[0] = u8::from(self.component) | u8::from(self.command) << 1 | u8::from(self.handler) << 2;
        bytes[1..9].copy_from_slice(&self.memory_bytes.to_le_bytes());
        bytes[9..17].copy_from_slice(&self.table_elements.to_le_bytes());
        bytes[17..].copy_from_slice(&self.objects.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; NEEDS_BYTES]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (memory, rest) = rest.split_first_chunk()?;
        let (table, rest) = rest.split_first_chunk()?;
        let (objects, _) = rest.split_first_chunk()?;
        Some(Self {
            component: kind & 1 != 0,
            command: kind & 2 != 0,
            handler: kind & 4 != 0,
            memory_bytes: u64::from_le_bytes(*memory),
            table_elements: u64::from_le_bytes(*table),
            objects: u32::from_le_bytes(*objects),
        })
    }
}

impl From<&ModuleFacts> for Needs {
    fn from(facts: &ModuleFacts) -> Self {
        Self {
            component: facts.component,
            command: facts.command,
            handler: facts.handler,
            memory_bytes: facts.memory_bytes_min,
            table_elements: facts.table_elements_min,
            objects: facts.objects_min,
        }
    }
}

/// Code by key: in memory first, then on disk.
pub(crate) struct CodeCache {
    directory: Dir,
    seal: Zeroizing<[u8; SEAL_BYTES]>,
    compatibility: [Vec<u8>; 2],
    disk_bytes_max: u64,
    memory: Mutex<Memory>,
}

const MAGIC: &[u8; 8] = b"CMCODE\0\x02";
const SEAL_BYTES: usize = 32;
const NEEDS_BYTES: usize = 21;
const HEADER_BYTES: usize = MAGIC.len() + NEEDS_BYTES + SEAL_BYTES;
const SEAL_FILE: &str = "code-seal.key";
/// Compiled code that the node keeps in memory, so that a warm run touches no file.
const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// The most code that one module may compile to.
pub(crate) const CODE_BYTES_MAX: u64 = 1 << 30;

impl CodeCache {
    /// Opens the cache in the sandbox's directory, and makes its key on the first start.
    pub(crate) fn open(
        sandbox: &Dir,
        disk_bytes_max: u64,
        entropy: &dyn Entropy,
    ) -> Result<Self, SandboxError> {
        let directory =
            sandbox.private_subdir("code").map_err(SandboxError::directory("open the code cache"))?;
        let seal = open_seal(sandbox, entropy)?;
        let of = |profile| {
            engine::compatibility(profile).map_err(|error| SandboxError::Engine(format!("{error:#}")))
        };
        let compatibility = [of(Profile::Default)?, of(Profile::Det1)?];
        let memory = Mutex::new(Memory::new(MEMORY_BYTES_MAX));
        Ok(Self { directory, seal, compatibility, disk_bytes_max, memory })
    }

    /// The key of a module's code. Each project has its own, so that nobody learns from the time of a run what others have run.
    pub(crate) fn key(&self, project: &Project, module: &Digest, profile: Profile) -> CodeKey {
        let compatibility = match profile {
            Profile::Default => &self.compatibility[0],
            Profile::Det1 => &self.compatibility[1],
        };
        let mut hasher = Hasher::new();
        let (project, profile) = (project.as_str().as_bytes(), profile.as_str().as_bytes());
        // With the files' version, so that an older file is not found rather than refused.
        let version = &MAGIC[..];
        for part in [version, project, module.as_bytes(), engine_build().as_bytes(), profile, compatibility] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        CodeKey(*hasher.finish().as_bytes())
    }

    /// Code that is in memory.
    pub(crate) fn remembered(&self, key: &CodeKey) -> Option<Arc<Code>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(key)
    }

    /// Code from disk, if its seal is whole; a file that fails is removed. Blocks.
    pub(crate) fn load(&self, key: &CodeKey) -> Option<Arc<Code>> {
        let name = file_name(key);
        let file = match self.directory.read_bounded(&name, CODE_BYTES_MAX + HEADER_BYTES as u64) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return None,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "compiled code cannot be read");
                return None;
            }
        };
        let Some((needs, code)) = self.unseal(key, &file) else {
            tracing::warn!(file = name, "compiled code with a broken seal is refused and removed");
            self.forget(&name);
            return None;
        };
        let bytes = SealedBytes::from_bytes(code).ok()?;
        Some(self.remember(*key, Code { bytes, needs }))
    }

    /// Keeps code in memory.
    pub(crate) fn remember(&self, key: CodeKey, code: Code) -> Arc<Code> {
        let code = Arc::new(code);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).put(key, Arc::clone(&code));
        code
    }

    /// Writes code to disk and removes files beyond the cache's size, any but this one first. Blocks. Failure
    /// costs a compilation later, so it is only logged.
    pub(crate) fn store(&self, key: &CodeKey, needs: Needs, code: &[u8]) {
        if code.len() as u64 > self.disk_bytes_max {
            return;
        }
        let name = file_name(key);
        let mut file = Vec::with_capacity(HEADER_BYTES + code.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&needs.encode());
        file.extend_from_slice(&self.mac(key, &needs.encode(), code).finalize().into_bytes());
        file.extend_from_slice(code);
        if let Err(error) = self.directory.replace(&name, &file) {
            tracing::warn!(error = &error as &dyn std::error::Error, "compiled code was not kept");
            return;
        }
        self.shrink(&name);
    }

    fn shrink(&self, newest: &str) {
        let Ok(entries) = self.directory.entries() else {
            return;
        };
        let mut bytes: u64 = entries.iter().map(|entry| entry.len).sum();
        let others = entries.iter().filter(|entry| entry.name != newest && entry.kind == EntryKind::File);
        // Names are hashes, so their order is a random order: no access times to keep, no worst case to provoke.
        for entry in others {
            if bytes <= self.disk_bytes_max {
                return;
            }
            self.forget(&entry.name);
            bytes = bytes.saturating_sub(entry.len);
        }
    }

    fn forget(&self, name: &str) {
        if let Err(error) = self.directory.remove_file(name) {
            tracing::warn!(error = &error as &dyn std::error::Error, "compiled code was not removed");
        }
    }

    fn unseal<'a>(&self, key: &CodeKey, file: &'a [u8]) -> Option<(Needs, &'a [u8])> {
        let rest = file.strip_prefix(MAGIC)?;
        let (needs, rest) = rest.split_first_chunk::<NEEDS_BYTES>()?;
        let (tag, code) = rest.split_at_checked(SEAL_BYTES)?;
        // Constant time, and over everything, so that no part can be exchanged for another file's.
        self.mac(key, needs, code).verify_slice(tag).ok()?;
        Some((Needs::decode(needs)?, code))
    }

    fn mac(&self, key: &CodeKey, needs: &[u8; NEEDS_BYTES], code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.seal).expect("HMAC takes keys of any length");
        mac.update(MAGIC);
        mac.update(needs);
        mac.update(&key.0);
        mac.update(code);
        mac
    }
}

fn file_name(key: &CodeKey) -> String {
    data_encoding::HEXLOWER.encode(&key.0)
}

fn open_seal(sandbox: &Dir, entropy: &dyn Entropy) -> Result<Zeroizing<[u8; SEAL_BYTES]>, SandboxError> {
    let mut seal = Zeroizing::new([0; SEAL_BYTES]);
    match sandbox.read_private(SEAL_FILE, SEAL_BYTES as u64) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            if bytes.len() != SEAL_BYTES {
                return Err(SandboxError::SealKey { name: SEAL_FILE });
            }
            seal.copy_from_slice(&bytes);
        }
        Err(error) if error.is_not_found() => {
            entropy.fill(&mut *seal);
            sandbox.replace(SEAL_FILE, &*seal).map_err(SandboxError::directory("write the seal key"))?;
        }
        Err(error) => return Err(SandboxError::directory("read the seal key")(error)),
    }
    Ok(seal)
}

#[cfg(test)]
mod tests;
