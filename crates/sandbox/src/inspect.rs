//! A bounded look at a module before anything is compiled.
//!
//! Only sections and counts are read, not instructions: the compiler validates those, in its own jail.

mod imports;

use wasmparser::{BinaryReaderError, Encoding, ExternalKind, FunctionBody, Parser, Payload, TypeRef};

/// What a module may have at most. Compile time and memory are bounded besides; these counts refuse the extreme
/// before a process is started for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleCaps {
    /// Size of the file.
    pub bytes_max: u64,
    /// Functions, of all nested modules together.
    pub functions_max: u32,
    /// Locals of one function.
    pub locals_max: u32,
    /// Size of one function's body.
    pub body_bytes_max: u64,
    /// Imports, of all nested modules together.
    pub imports_max: u32,
    /// Modules and components inside a component.
    pub nested_max: u32,
}

impl ModuleCaps {
    /// Enough for language interpreters; an order of magnitude below what stalls the compiler for minutes.
    pub const DEFAULT: Self = Self {
        bytes_max: 128 << 20,
        functions_max: 500_000,
        locals_max: 20_000,
        body_bytes_max: 4 << 20,
        imports_max: 10_000,
        nested_max: 256,
    };
}

impl Default for ModuleCaps {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a module is, by its own word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleFacts {
    /// A component (WASI preview 2), else a core module (WASI preview 1).
    pub component: bool,
    /// It can be run as a command.
    pub command: bool,
    /// It is a component that answers HTTP requests (the world `wasi:http/proxy`).
    pub handler: bool,
    /// Functions with a body.
    pub functions: u32,
    /// The largest body, in bytes.
    pub body_bytes_max: u64,
    /// The most locals of one function.
    pub locals_max: u32,
    /// What it wants from the host.
    pub imports: Vec<String>,
    /// The largest memory that any of its modules starts with, in bytes.
    pub memory_bytes_min: u64,
    /// The largest table that any of its modules starts with, in elements.
    pub table_elements_min: u64,
    /// The most memories, or the most tables, that any of its modules has.
    pub objects_min: u32,
}

/// A module that is refused. The text is for the person who submitted it.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// Nothing.
    #[error("the module is empty")]
    Empty,
    /// Some other kind of file.
    #[error("this is not a WebAssembly binary: it starts with {start}, not with \\0asm{hint}")]
    NotWasm {
        /// The first bytes, in hex.
        start: String,
        /// What it might be instead.
        hint: &'static str,
    },
    /// A WebAssembly file that ends early or is damaged.
    #[error("the module is damaged")]
    Damaged(#[source] BinaryReaderError),
    /// A count over the caps.
    #[error("the module has {given} {what}, at most {max} are allowed")]
    TooMuch {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        given: u64,
        /// How many there may be.
        max: u64,
    },
    /// Imports that no guest gets.
    #[error("the module needs what no guest gets: {}; only WASI preview 1 (modules) and WASI 0.2 (components) are provided", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// A module without an entry point.
    #[error("the module exports no {0}, so it is no command; build it as a program, not as a library")]
    NoEntry(&'static str),
    /// A module that answers no requests, where one that does is needed.
    #[error(
        "the module exports no wasi:http/incoming-handler@0.2, so it is no function; build it as a component of the world wasi:http/proxy"
    )]
    NoHandler,
    /// A module that only answers requests, where a command is needed.
    #[error("the module is no command: it answers HTTP requests; deploy it with `casemate fn deploy`")]
    OnlyHandler,
    /// A 64-bit memory.
    #[error("the module uses a 64-bit memory, which is not supported; build it for wasm32")]
    Memory64,
}

/// How many unknown imports are named in an error.
const NAMED_MAX: usize = 8;
/// Size of a page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;

/// Reads what `module` is and refuses what could not run, within `caps` and without compiling anything.
pub fn inspect(module: &[u8], caps: &ModuleCaps) -> Result<ModuleFacts, ModuleError> {
    check_start(module)?;
    at_most("bytes", module.len() as u64, caps.bytes_max)?;
    let mut inspection = Inspection { caps, facts: ModuleFacts::default(), nested: 0, depth: 0 };
    for payload in Parser::new(0).parse_all(module) {
        inspection.payload(payload.map_err(ModuleError::Damaged)?)?;
    }
    inspection.finish()
}

fn check_start(module: &[u8]) -> Result<(), ModuleError> {
    if module.is_empty() {
        return Err(ModuleError::Empty);
    }
    if module.starts_with(b"\0asm") {
        return Ok(());
    }
    let start = &module[..module.len().min(4)];
    let hint = match start {
        b"(mod" | b"(com" => "; it looks like WebAssembly text, which has to be assembled first",
        b"\x7fELF" => "; it looks like a Linux program, which has to be built for WASI",
        [b'#', b'!', ..] => "; it looks like a script, which is an input for an interpreter's module",
        [0x1f, 0x8b, ..] => "; it looks compressed, so unpack it first",
        _ => "",
    };
    Err(ModuleError::NotWasm { start: data_encoding::HEXLOWER.encode(start), hint })
}

fn at_most(what: &'static str, given: u64, max: u64) -> Result<(), ModuleError> {
    if given > max {
        return Err(ModuleError::TooMuch { what, given, max });
    }
    Ok(())
}

struct Inspection<'a> {
    caps: &'a ModuleCaps,
    facts: ModuleFacts,
    nested: u32,
    depth: u32,
}

impl Inspection<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), ModuleError> {
        match payload {
            Payload::Version { encoding, .. } if self.depth == 0 => {
                self.facts.component = encoding == Encoding::Component;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.depth += 1;
                self.nested += 1;
                at_most("nested modules", self.nested.into(), self.caps.nested_max.into())?;
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::ImportSection(section) => self.core_imports(section)?,
            Payload::ComponentImportSection(section) if self.depth == 0 => {
                for import in section {
                    let name = import.map_err(ModuleError::Damaged)?.name;
                    self.import(name.name.to_owned())?;
                }
            }
            Payload::FunctionSection(section) => {
                self.facts.functions = self.facts.functions.saturating_add(section.count());
                at_most("functions", self.facts.functions.into(), self.caps.functions_max.into())?;
            }
            Payload::MemorySection(section) => {
                self.facts.objects_min = self.facts.objects_min.max(section.count());
                for memory in section {
                    self.memory(&memory.map_err(ModuleError::Damaged)?)?;
                }
            }
            Payload::TableSection(section) => {
                self.facts.objects_min = self.facts.objects_min.max(section.count());
                for table in section {
                    let initial = table.map_err(ModuleError::Damaged)?.ty.initial;
                    self.facts.table_elements_min = self.facts.table_elements_min.max(initial);
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            Payload::ExportSection(section) if self.depth == 0 => {
                for export in section {
                    let export = export.map_err(ModuleError::Damaged)?;
                    self.facts.command |= export.name == "_start" && export.kind == ExternalKind::Func;
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 0 => {
                for export in section {
                    let name = export.map_err(ModuleError::Damaged)?.name.name;
                    self.facts.command |= name.starts_with("wasi:cli/run@0.2");
                    self.facts.handler |= name.starts_with("wasi:http/incoming-handler@0.2");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Imports of a core module are from the host; those of a module inside a component are from the component.
    fn core_imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), ModuleError> {
        for import in section.into_imports() {
            let import = import.map_err(ModuleError::Damaged)?;
            match import.ty {
                TypeRef::Memory(memory) => self.memory(&memory)?,
                TypeRef::Table(table) => {
                    self.facts.table_elements_min = self.facts.table_elements_min.max(table.initial);
                }
                _ => {}
            }
            if self.depth == 0 {
                self.import(format!("{}::{}", import.module, import.name))?;
            }
        }
        Ok(())
    }

    fn import(&mut self, name: String) -> Result<(), ModuleError> {
        self.facts.imports.push(name);
        at_most("imports", self.facts.imports.len() as u64, self.caps.imports_max.into())
    }

    fn memory(&mut self, memory: &wasmparser::MemoryType) -> Result<(), ModuleError> {
        if memory.memory64 {
            return Err(ModuleError::Memory64);
        }
        let bytes = memory.initial.saturating_mul(PAGE_BYTES);
        self.facts.memory_bytes_min = self.facts.memory_bytes_min.max(bytes);
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), ModuleError> {
        let bytes = body.range().len() as u64;
        at_most("bytes in one function", bytes, self.caps.body_bytes_max)?;
        let mut locals: u32 = 0;
        for group in body.get_locals_reader().map_err(ModuleError::Damaged)? {
            let (count, _) = group.map_err(ModuleError::Damaged)?;
            locals = locals.saturating_add(count);
            at_most("locals in one function", locals.into(), self.caps.locals_max.into())?;
        }
        self.facts.body_bytes_max = self.facts.body_bytes_max.max(bytes);
        self.facts.locals_max = self.facts.locals_max.max(locals);
        Ok(())
    }

    fn finish(self) -> Result<ModuleFacts, ModuleError> {
        let ModuleFacts { component, handler, .. } = self.facts;
        let known = |name: &&String| match (component, handler) {
            (false, _) => imports::is_core(name),
            (true, false) => imports::is_component(name),
            (true, true) => imports::is_component(name) || imports::is_http(name),
        };
        let unknown: Vec<String> =
            self.facts.imports.iter().filter(|name| !known(name)).take(NAMED_MAX).cloned().collect();
        if !unknown.is_empty() {
            return Err(ModuleError::UnknownImports(unknown));
        }
        if !self.facts.command && !handler {
            let entry = if component { "wasi:cli/run@0.2" } else { "_start" };
            return Err(ModuleError::NoEntry(entry));
        }
        Ok(self.facts)
    }
}

#[cfg(test)]
mod tests;
