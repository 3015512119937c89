//! Functions in C: the interfaces' bindings by wit-bindgen, the module by clang, the component around it by wit-component.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
use wit_bindgen_core::Files;
use wit_component::ComponentEncoder;
use wit_parser::Resolve;

use super::{CLANG, file_error};
use crate::error::XtaskError;
use crate::workspace::{Workspace, run as run_command};

/// The crate that functions are run with, and so has their interfaces.
const HOST: &str = "wasmtime-wasi-http";
/// Its interfaces, each after those that it leans on.
const INTERFACES: [&str; 7] = ["io", "clocks", "random", "filesystem", "sockets", "cli", "http"];
/// What a function implements.
const WORLD: &str = "proxy";

/// Builds the component of `source` into `to`; `scratch` is for what is made on the way.
pub(super) fn build(
    workspace: &Workspace,
    source: &Path,
    scratch: &Path,
    to: &Path,
) -> Result<(), XtaskError> {
    std::fs::create_dir_all(scratch).map_err(file_error("make", scratch))?;
    bindings(&interfaces(workspace)?, scratch)?;
    let (object, module) = (scratch.join("proxy.o"), scratch.join("module.wasm"));
    // Generated, so nobody's warnings to mend.
    let mut bindings = workspace.command("clang");
    bindings.args(&CLANG[..5]).args(["-w", "-c", "-o"]).arg(&object).arg(scratch.join("proxy.c"));
    run_command(&mut bindings)?;
    let mut clang = workspace.command("clang");
    // The custom section that describes the component has to survive, which `--strip-all` would take.
    clang.args(CLANG.iter().filter(|flag| **flag != "-Wl,--strip-all"));
    clang.args(["-Wl,--strip-debug", "-mexec-model=reactor", "-I"]).arg(scratch).arg("-o").arg(&module);
    run_command(clang.arg(source).arg(&object).arg(scratch.join("proxy_component_type.o")))?;
    let module = std::fs::read(&module).map_err(file_error("read", &module))?;
    std::fs::write(to, component(&module)?).map_err(file_error("write", to))
}

fn interfaces(workspace: &Workspace) -> Result<PathBuf, XtaskError> {
    let manifest = workspace.root().join("Cargo.toml");
    let mut command = MetadataCommand::new();
    let metadata = command.manifest_path(manifest).other_options(["--offline".to_owned()]).exec()?;
    let host = metadata.packages.into_iter().find(|package| package.name.as_str() == HOST);
    let host = host.ok_or_else(|| XtaskError::Wit(format!("{HOST} is no dependency of the workspace")))?;
    Ok(host.manifest_path.with_file_name("wit").join("deps").into())
}

fn bindings(interfaces: &Path, to: &Path) -> Result<(), XtaskError> {
    let mut files = Files::default();
    generate(interfaces, &mut files)?;
    for (name, content) in files.iter() {
        let path = to.join(name);
        std::fs::write(&path, content).map_err(file_error("write", &path))?;
    }
    Ok(())
}

fn generate(interfaces: &Path, files: &mut Files) -> Result<(), XtaskError> {
    let mut resolve = Resolve::default();
    let mut packages = Vec::new();
    for name in INTERFACES {
        packages.push(resolve.push_path(interfaces.join(format!("{name}.wit"))).map_err(wit)?.0);
    }
    let world = resolve.select_world(&packages[packages.len() - 1..], Some(WORLD)).map_err(wit)?;
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, files).map_err(wit)
}

fn component(module: &[u8]) -> Result<Vec<u8>, XtaskError> {
    let encoder = ComponentEncoder::default().validate(true).module(module).map_err(wit)?;
    let adapter = WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
    let mut encoder = encoder.adapter("wasi_snapshot_preview1", adapter).map_err(wit)?;
    encoder.encode().map_err(wit)
}

fn wit(error: impl std::fmt::Display) -> XtaskError {
    XtaskError::Wit(format!("{error:#}"))
}
