//! Builds the example guests from their sources: C by clang with Debian's wasi-libc, text by the `wat` crate; those below
//! `functions` become components.
//!
//! The same source gives the same bytes: nothing is built with debug information, paths or times.

mod functions;

use std::path::{Path, PathBuf};

use wasmparser::{ExternalKind, Parser, Payload, Validator};

use crate::error::XtaskError;
use crate::workspace::{Workspace, run as run_command};

/// One built module and what it is made of.
struct Guest {
    /// The file in the guests' directory.
    name: &'static str,
    /// The source below `examples/guests`.
    source: &'static str,
    /// A macro of the C source.
    define: Option<&'static str>,
}

const GUESTS: &[Guest] = &[
    Guest { name: "wordcount-1.wasm", source: "wordcount.c", define: Some("WORDCOUNT_VERSION=1") },
    Guest { name: "wordcount-2.wasm", source: "wordcount.c", define: Some("WORDCOUNT_VERSION=2") },
    guest("shrink.wasm", "shrink.c"),
    guest("csvquery.wasm", "csvquery.c"),
    guest("endless_loop.wasm", "hostile/endless_loop.wat"),
    guest("memory_bomb.wasm", "hostile/memory_bomb.wat"),
    guest("deep_recursion.wasm", "hostile/deep_recursion.wat"),
    guest("path_escape.wasm", "hostile/path_escape.c"),
    guest("output_flood.wasm", "hostile/output_flood.c"),
    guest("sleeper.wasm", "hostile/sleeper.c"),
    guest("edge.wasm", "functions/edge.c"),
];

const fn guest(name: &'static str, source: &'static str) -> Guest {
    Guest { name, source, define: None }
}

/// Debian keeps wasi-libc below /usr, beside the host's own files, under `wasm32-wasi`.
const CLANG: &[&str] = &[
    "--target=wasm32-wasi",
    "--sysroot=/usr",
    "-std=c11",
    "-D_GNU_SOURCE",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-ident",
    "-Wl,--strip-all",
    "-Wl,--fatal-warnings",
];

/// The only module that guests may import from, and the only interfaces that components may.
const WASI: &str = "wasi_snapshot_preview1";
const WASI_INTERFACES: &str = "wasi:";

/// Where the sources of functions are, below the others.
const FUNCTIONS: &str = "functions/";

/// Builds every guest, and checks that each is a command that imports nothing but WASI.
pub(crate) fn build(workspace: &Workspace) -> Result<(), XtaskError> {
    let directory = workspace.guests();
    std::fs::create_dir_all(&directory).map_err(file_error("make", &directory))?;
    for guest in GUESTS {
        let built = build_one(workspace, guest, &directory)?;
        println!("{:<22} {:>7} bytes  {}", guest.name, built, guest.source);
    }
    println!("{} guests in {}", GUESTS.len(), directory.display());
    Ok(())
}

/// Builds one guest; the finished file appears at once, so that a test that runs meanwhile sees the old or the new one.
fn build_one(workspace: &Workspace, guest: &Guest, directory: &Path) -> Result<usize, XtaskError> {
    let source = workspace.root().join("examples/guests").join(guest.source);
    let partial = directory.join(format!("{}.partial", guest.name));
    let bytes = if guest.source.starts_with(FUNCTIONS) {
        functions::build(workspace, &source, &directory.join("edge.build"), &partial)?;
        std::fs::read(&partial).map_err(file_error("read", &partial))?
    } else if guest.source.ends_with(".wat") {
        let bytes =
            wat::parse_file(&source).map_err(|error| XtaskError::Wat { path: source, source: error })?;
        std::fs::write(&partial, &bytes).map_err(file_error("write", &partial))?;
        bytes
    } else {
        compile(workspace, guest, &source, &partial)?;
        std::fs::read(&partial).map_err(file_error("read", &partial))?
    };
    check(guest.name, &bytes)?;
    let finished = directory.join(guest.name);
    std::fs::rename(&partial, &finished).map_err(file_error("put in place", &finished))?;
    Ok(bytes.len())
}

fn compile(workspace: &Workspace, guest: &Guest, source: &Path, to: &Path) -> Result<(), XtaskError> {
    let mut clang = workspace.command("clang");
    clang.args(CLANG);
    if let Some(define) = guest.define {
        clang.arg(format!("-D{define}"));
    }
    run_command(clang.arg("-o").arg(to).arg(source))
}

/// Checks what a worker will check again: a valid module with `_start`, or a component that answers requests, and that it
/// imports nothing but WASI.
fn check(name: &str, bytes: &[u8]) -> Result<(), XtaskError> {
    let damaged = |source| XtaskError::BadModule { guest: name.to_owned(), source };
    let unfit = |fault: String| XtaskError::UnfitGuest { guest: name.to_owned(), fault };
    Validator::new().validate_all(bytes).map_err(damaged)?;
    let (mut starts, mut depth) = (false, 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(damaged)?.name.name;
                    if !import.starts_with(WASI_INTERFACES) {
                        return Err(unfit(format!("imports {import}, not only WASI")));
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    starts |= export.map_err(damaged)?.name.name.starts_with("wasi:http/incoming-handler@");
                }
            }
            Payload::ImportSection(section) if depth == 0 => {
                for import in section.into_imports() {
                    let import = import.map_err(damaged)?;
                    if import.module != WASI {
                        return Err(unfit(format!(
                            "imports {}::{}, not only {WASI}",
                            import.module, import.name
                        )));
                    }
                }
            }
            Payload::ExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(damaged)?;
                    starts |= export.name == "_start" && export.kind == ExternalKind::Func;
                }
            }
            _ => {}
        }
    }
    if starts { Ok(()) } else { Err(unfit("exports neither `_start` nor an HTTP handler".to_owned())) }
}

fn file_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> XtaskError {
    let path: PathBuf = path.to_owned();
    move |source| XtaskError::File { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guest_is_built_the_same_twice_and_fits() {
        let workspace = Workspace::find().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        for guest in GUESTS {
            build_one(&workspace, guest, scratch.path()).unwrap();
            let first = std::fs::read(scratch.path().join(guest.name)).unwrap();
            build_one(&workspace, guest, scratch.path()).unwrap();
            let second = std::fs::read(scratch.path().join(guest.name)).unwrap();
            assert!(first == second, "{} differs from build to build", guest.name);
        }
    }

    #[test]
    fn a_module_that_wants_more_than_wasi_is_refused() {
        let greedy =
            wat::parse_str(r#"(module (import "env" "system" (func)) (func (export "_start")))"#).unwrap();
        assert_eq!(
            check("greedy", &greedy).unwrap_err().to_string(),
            "greedy imports env::system, not only wasi_snapshot_preview1"
        );
        let idle = wat::parse_str("(module)").unwrap();
        assert_eq!(
            check("idle", &idle).unwrap_err().to_string(),
            "idle exports neither `_start` nor an HTTP handler"
        );
        assert_eq!(check("text", b"(module)").unwrap_err().to_string(), "text is not a valid module");
    }
}
