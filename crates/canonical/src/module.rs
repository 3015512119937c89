use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, GlobalSection, GlobalType, Module, RawSection,
    TypeSection, ValType,
};
use wasmparser::{
    CompositeInnerType, Encoding, FuncType, FuncValidatorAllocations, Parser, Payload, TypeRef,
    TypeSectionReader, ValidPayload, Validator, WasmFeatures,
};

use crate::body::{FRAME_BYTES_MAX, Globals, Rewriter};

/// The version of the rules. It changes whenever the same module would use other fuel or other stack.
pub const VERSION: u32 = 1;
/// The export of what is left of the fuel, an `i64`.
pub const FUEL: &str = "casemate:fuel";
/// The export of what is left of the stack, an `i64`.
pub const STACK: &str = "casemate:stack";
/// The export of what was the start function.
pub const START: &str = "casemate:start";

/// How names of exports begin that modules may not have.
const PREFIX: &str = "casemate:";

/// Sections as they follow each other.
const ORDER: [u8; 12] = [1, 2, 3, 4, 5, 13, 6, 7, 9, 12, 10, 11];
const TYPES: u8 = 1;
const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// A module that has no canonical form. The text is for the person who submitted it.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// It is no valid module.
    #[error(transparent)]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// It exports a name that is the host's.
    #[error("the module exports `{0}`, and names that begin with `{PREFIX}` are the host's")]
    Name(String),
    /// A function takes more of the stack at once than any may.
    #[error(
        "a function has more locals and operands than det-1 runs: its frame is over {FRAME_BYTES_MAX} bytes"
    )]
    Frame,
    /// It has something that cannot be written again.
    #[error("the module has something that det-1 does not run: {0}")]
    Unsupported(String),
}

impl CanonicalError {
    pub(crate) fn unsupported(error: impl std::fmt::Display) -> Self {
        Self::Unsupported(error.to_string())
    }
}

/// What is known of a module before its functions are rewritten.
#[derive(Default)]
struct Outline<'m> {
    sections: HashMap<u8, &'m [u8]>,
    types: Option<TypeSectionReader<'m>>,
    /// By type index; none where a type is of no function.
    function_types: Vec<Option<FuncType>>,
    /// Type indices of the functions that the module defines.
    functions: Vec<u32>,
    globals: u32,
    start: Option<u32>,
}

/// Writes the canonical form of a core module. What it says of names and where it came from is left out.
pub fn canonicalize(module: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let mut outline = Outline::default();
    let mut bodies = Vec::new();
    // Whoever leaves a function by an exception would leave its frame behind.
    let features = WasmFeatures::default() - WasmFeatures::EXCEPTIONS - WasmFeatures::LEGACY_EXCEPTIONS;
    let mut validator = Validator::new_with_features(features);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            bodies.push((function, body));
        }
        outline.note(module, &payload)?;
    }
    let (types, blocks) = outline.types()?;
    let globals = Globals { fuel: outline.globals, stack: outline.globals + 1 };
    let mut code = CodeSection::new();
    let mut allocations = FuncValidatorAllocations::default();
    for (index, (function, body)) in bodies.into_iter().enumerate() {
        let type_index = outline.functions.get(index).copied().unwrap_or_default();
        let rewriter =
            Rewriter::new(globals, outline.function_type(type_index)?, blocks.get(&type_index).copied());
        let mut validator = function.into_validator(allocations);
        code.function(&rewriter.rewrite(&mut validator, &body)?);
        allocations = validator.into_allocations();
    }
    outline.assemble(&types, &code)
}

impl<'m> Outline<'m> {
    fn note(&mut self, module: &'m [u8], payload: &Payload<'m>) -> Result<(), CanonicalError> {
        if let Some((id, range)) = payload.as_section()
            && id != 0
        {
            self.sections.insert(id, &module[range]);
        }
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                return Err(CanonicalError::unsupported("components"));
            }
            Payload::TypeSection(types) => {
                self.types = Some(types.clone());
                for group in types.clone() {
                    for ty in group?.into_types() {
                        let CompositeInnerType::Func(function) = ty.composite_type.inner else {
                            self.function_types.push(None);
                            continue;
                        };
                        self.function_types.push(Some(function));
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    self.globals += u32::from(matches!(import?.ty, TypeRef::Global(_)));
                }
            }
            Payload::FunctionSection(functions) => {
                for function in functions.clone() {
                    self.functions.push(function?);
                }
            }
            Payload::GlobalSection(globals) => self.globals += globals.count(),
            Payload::StartSection { func, .. } => self.start = Some(*func),
            _ => {}
        }
        Ok(())
    }

    fn function_type(&self, index: u32) -> Result<&FuncType, CanonicalError> {
        let found = self.function_types.get(index as usize).and_then(Option::as_ref);
        found.ok_or_else(|| CanonicalError::unsupported("a function of no type"))
    }

    /// The types, with those of blocks that give several results, by the type index of the function that is one.
    fn types(&self) -> Result<(TypeSection, HashMap<u32, u32>), CanonicalError> {
        let (mut types, mut blocks) = (TypeSection::new(), HashMap::new());
        if let Some(reader) = &self.types {
            RoundtripReencoder
                .parse_type_section(&mut types, reader.clone())
                .map_err(CanonicalError::unsupported)?;
        }
        let mut next = u32::try_from(self.function_types.len()).map_err(CanonicalError::unsupported)?;
        for index in &self.functions {
            let results = self.function_type(*index)?.results();
            if results.len() > 1 && !blocks.contains_key(index) {
                let results = results.iter().map(|ty| RoundtripReencoder.val_type(*ty));
                let results: Vec<ValType> =
                    results.collect::<Result<_, _>>().map_err(CanonicalError::unsupported)?;
                types.ty().function([], results);
                blocks.insert(*index, next);
                next += 1;
            }
        }
        Ok((types, blocks))
    }

    fn assemble(&self, types: &TypeSection, code: &CodeSection) -> Result<Vec<u8>, CanonicalError> {
        let mut module = Module::new();
        let (globals, exports) = (self.global_section()?, self.export_section()?);
        for id in ORDER {
            match id {
                TYPES => module.section(types),
                GLOBALS => module.section(&globals),
                EXPORTS => module.section(&exports),
                CODE if self.sections.contains_key(&CODE) => module.section(code),
                id => match self.sections.get(&id) {
                    Some(data) => module.section(&RawSection { id, data }),
                    None => continue,
                },
            };
        }
        Ok(module.finish())
    }

    fn global_section(&self) -> Result<GlobalSection, CanonicalError> {
        let mut globals = GlobalSection::new();
        if let Some(data) = self.sections.get(&GLOBALS) {
            let reader = wasmparser::GlobalSectionReader::new(wasmparser::BinaryReader::new(data, 0))?;
            RoundtripReencoder
                .parse_global_section(&mut globals, reader)
                .map_err(CanonicalError::unsupported)?;
        }
        let counter = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        globals.global(counter, &ConstExpr::i64_const(0));
        globals.global(counter, &ConstExpr::i64_const(0));
        Ok(globals)
    }

    fn export_section(&self) -> Result<ExportSection, CanonicalError> {
        let mut exports = ExportSection::new();
        if let Some(data) = self.sections.get(&EXPORTS) {
            for export in wasmparser::ExportSectionReader::new(wasmparser::BinaryReader::new(data, 0))? {
                let export = export?;
                if export.name.starts_with(PREFIX) {
                    return Err(CanonicalError::Name(export.name.chars().take(80).collect()));
                }
                RoundtripReencoder.parse_export(&mut exports, export).map_err(CanonicalError::unsupported)?;
            }
        }
        exports.export(FUEL, ExportKind::Global, self.globals);
        exports.export(STACK, ExportKind::Global, self.globals + 1);
        if let Some(start) = self.start {
            exports.export(START, ExportKind::Func, start);
        }
        Ok(exports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Vec<u8> {
        let module = wat::parse_str(text).unwrap();
        let first = canonicalize(&module).unwrap();
        assert_eq!(first, canonicalize(&module).unwrap(), "there is one canonical form");
        Validator::new().validate_all(&first).unwrap();
        first
    }

    fn exports(module: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                names.extend(exports.into_iter().map(|export| export.unwrap().name.to_owned()));
            }
        }
        names
    }

    #[test]
    fn modules_of_all_shapes_stay_valid() {
        let shapes = [
            "(module)",
            r#"(module (func (export "f") (result i32) (i32.const 1)))"#,
            r#"(module (func (export "f") (param i32) (result i32 i64)
                (if (result i32 i64) (local.get 0)
                    (then (return (i32.const 1) (i64.const 2))) (else (i32.const 3) (i64.const 4)))))"#,
            r#"(module (global i32 (i32.const 7)) (global (mut i64) (i64.const 8)) (memory 1) (table 2 funcref)
                (elem (i32.const 0) $f $f) (data (i32.const 0) "abc")
                (func $f (param i32) (result i32)
                    (block (loop (br_if 1 (i32.eqz (local.get 0)))
                        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))
                    (call_indirect (param i32) (result i32) (local.get 0) (i32.const 1))))"#,
            r#"(module (import "a" "b" (func $b)) (import "a" "g" (global i32)) (func (call $b) (br 0)) (func (return)))"#,
            r#"(module (func $f (param i32) (result i32)
                (block (block (block (br_table 0 1 2 (local.get 0)))))
                (return_call $f (local.get 0)))
                (func (param i32) (block (block (br_table 0 1 2 (local.get 0))))))"#,
            r#"(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 1) (i32.const 2)) unreachable i32.add drop))"#,
        ];
        for shape in shapes {
            canonical(shape);
        }
    }

    #[test]
    fn a_start_function_becomes_an_export_and_the_counters_are_there() {
        let module = canonical(r#"(module (func $s) (start $s) (func (export "_start")))"#);
        assert_eq!(exports(&module), ["_start", FUEL, STACK, START]);
        let started = Parser::new(0).parse_all(&module);
        assert!(!started.into_iter().any(|payload| matches!(payload, Ok(Payload::StartSection { .. }))));
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        let taken = wat::parse_str(r#"(module (func (export "casemate:fuel")))"#).unwrap();
        assert!(matches!(canonicalize(&taken), Err(CanonicalError::Name(name)) if name == FUEL));
        for bad in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x01\xff", b"\0asm\x0d\0\x01\0"] {
            assert!(canonicalize(bad).is_err(), "{bad:?}");
        }
        let invalid = wat::parse_str("(module (func (result i32) (i64.const 1)))").unwrap();
        assert!(matches!(canonicalize(&invalid), Err(CanonicalError::Invalid(_))));
    }
}
