use std::os::fd::OwnedFd;
use std::sync::Arc;

use casemate_model::RunLimits;
use wasmtime::component::{self, ResourceTable};
use wasmtime::{Engine, InstancePre, Linker, Result};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::code;
use super::fetches::Fetches;
use super::limiter::Limiter;
use crate::Profile;
use crate::engine::{Shape, worker_engine};
use crate::wire::message::RunRequest;

/// Engines that a worker keeps. Each reserves much address space, and a project rarely uses two kinds of limits.
const ENGINES_MAX: usize = 2;
/// Loaded modules per engine, and the code they may hold together.
const MODULES_MAX: usize = 16;
const CODE_BYTES_MAX: u64 = 512 << 20;

/// A guest that is linked and ready to be instantiated any number of times.
#[derive(Clone)]
pub(super) enum Linked {
    Core(InstancePre<CoreState>),
    Component(CommandPre<ComponentState>),
    Handler(ProxyPre<HandlerState>),
}

/// What a core module's store holds.
pub(super) struct CoreState {
    pub(super) wasi: WasiP1Ctx,
    pub(super) limiter: Limiter,
}

/// What a component's store holds.
pub(super) struct ComponentState {
    pub(super) wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
}

impl WasiView for ComponentState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// What the store of a component that answers requests holds.
pub(super) struct HandlerState {
    pub(super) component: ComponentState,
    pub(super) http: WasiHttpCtx,
    pub(super) fetches: Fetches,
}

impl WasiView for HandlerState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.component.ctx()
    }
}

impl WasiHttpView for HandlerState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.fetches, table: &mut self.component.table, ctx: &mut self.http }
    }
}

/// Why code could not be made ready.
pub(super) enum LinkError {
    /// The engine does not take the code.
    Code(wasmtime::Error),
    /// The module wants something that no guest gets; the text says what.
    Import(wasmtime::Error),
}

/// The engines of a worker, most recently used last.
pub(super) struct Engines(Vec<Slot>);

struct Slot {
    profile: Profile,
    shape: Shape,
    engine: Engine,
    core: Linker<CoreState>,
    component: component::Linker<ComponentState>,
    handler: component::Linker<HandlerState>,
    loaded: Vec<Loaded>,
}

struct Loaded {
    key: [u8; 32],
    serving: bool,
    bytes: u64,
    linked: Arc<Linked>,
}

impl Engines {
    /// Starts with the engine that most runs use, so that the first of them finds it ready.
    pub(super) fn start() -> Result<Self> {
        let limits = RunLimits::DEFAULT;
        let shape = Shape::fitting(limits.stack_bytes, limits.table_elements, limits.instances);
        Ok(Self(vec![Slot::new(Profile::Default, shape)?]))
    }

    /// Finds or makes what `run` needs: its engine, and its module in there, loaded from `code` if it is new.
    pub(super) fn ready(
        &mut self,
        run: &RunRequest,
        code: OwnedFd,
    ) -> Result<(Engine, Arc<Linked>), LinkError> {
        let limits = &run.limits;
        let shape = Shape::fitting(limits.stack_bytes, limits.table_elements, limits.instances);
        let found = self.0.iter().position(|slot| slot.profile == run.profile && slot.shape == shape);
        let slot = match found {
            Some(index) => self.0.remove(index),
            None => {
                if self.0.len() == ENGINES_MAX {
                    self.0.remove(0);
                }
                Slot::new(run.profile, shape).map_err(LinkError::Code)?
            }
        };
        self.0.push(slot);
        let slot = self.0.last_mut().expect("just pushed");
        let linked = slot.ready(run, code)?;
        Ok((slot.engine.clone(), linked))
    }
}

impl Slot {
    fn new(profile: Profile, shape: Shape) -> Result<Self> {
        let engine = worker_engine(profile, &shape)?;
        let mut core = Linker::new(&engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut core, |state: &mut CoreState| &mut state.wasi)?;
        let mut component = component::Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut component)?;
        let mut handler = component::Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut handler)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut handler)?;
        Ok(Self { profile, shape, engine, core, component, handler, loaded: Vec::new() })
    }

    fn ready(&mut self, run: &RunRequest, code: OwnedFd) -> Result<Arc<Linked>, LinkError> {
        let serving = run.serving.is_some();
        let is_it = |loaded: &Loaded| loaded.key == run.code_key && loaded.serving == serving;
        if let Some(index) = self.loaded.iter().position(is_it) {
            let loaded = self.loaded.remove(index);
            let linked = Arc::clone(&loaded.linked);
            self.loaded.push(loaded);
            return Ok(linked);
        }
        self.make_room(run.code_bytes);
        let linked = Arc::new(self.link(run, code)?);
        let loaded =
            Loaded { key: run.code_key, serving, bytes: run.code_bytes, linked: Arc::clone(&linked) };
        self.loaded.push(loaded);
        Ok(linked)
    }

    fn make_room(&mut self, bytes: u64) {
        let held = |loaded: &[Loaded]| loaded.iter().map(|loaded| loaded.bytes).sum::<u64>();
        while !self.loaded.is_empty()
            && (self.loaded.len() >= MODULES_MAX || held(&self.loaded).saturating_add(bytes) > CODE_BYTES_MAX)
        {
            self.loaded.remove(0);
        }
    }

    fn link(&self, run: &RunRequest, code: OwnedFd) -> Result<Linked, LinkError> {
        if run.component {
            let component =
                code::load_component(&self.engine, code, run.code_bytes).map_err(LinkError::Code)?;
            if run.serving.is_some() {
                let linked = self.handler.instantiate_pre(&component).and_then(ProxyPre::new);
                return linked.map(Linked::Handler).map_err(LinkError::Import);
            }
            let linked = self.component.instantiate_pre(&component).and_then(CommandPre::new);
            return linked.map(Linked::Component).map_err(LinkError::Import);
        }
        let module = code::load_module(&self.engine, code).map_err(LinkError::Code)?;
        self.core.instantiate_pre(&module).map(Linked::Core).map_err(LinkError::Import)
    }
}
