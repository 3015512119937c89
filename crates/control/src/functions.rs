//! Functions: deploying, routing and removing them. Calling them is below.

mod call;
mod error;
mod live;
mod log;
mod outbound;
mod own_api;
mod sandbox;
mod values;

use casemate_fs::SealedBytes;
use casemate_functions::{
    Access, CONCURRENCY_MAX, Deployed, Function, FunctionName, GRANTABLE, RATE_MAX, Route, Routed, Settings,
    Version,
};
use casemate_model::{Digest, Networks, Principal, Project, RunLimits, Scope, Scopes};
use casemate_objects::BlobId;
use casemate_policy::{Permit, Resource, operation};
use casemate_sandbox::{ModuleCaps, inspect};

use crate::tasks::{ModuleSource, check_texts};
use crate::{Caller, Control, ControlError};

pub use call::{Call, Called};
pub use error::FunctionError;
pub(crate) use live::Live;
pub use live::{BodyMemory, Figures as FunctionFigures, LATENCY_BOUNDS_MS};
pub use log::LogLine;
pub use outbound::{ANSWER_BYTES_MAX, OF_CONNECTION};
pub use own_api::OwnApi;
pub use sandbox::FunctionSandbox;

/// Most bytes of a component.
const MODULE_BYTES_MAX: u64 = 128 << 20;

/// The longest that a request to a function may take. Whoever needs longer submits a task.
const WALL_MS_MAX: u64 = 15 * 60 * 1_000;

/// A version that is to be deployed.
#[derive(Clone, Debug)]
pub struct DeployFunction {
    /// The function.
    pub name: FunctionName,
    /// The component.
    pub module: ModuleSource,
    /// What it is run with.
    pub settings: Settings,
    /// How many of a hundred requests it answers; the others are answered as before.
    pub percent: u8,
}

/// A function with what is known of it.
#[derive(Clone, Debug)]
pub struct FunctionDetails {
    /// The function.
    pub function: Function,
    /// The version that answers most of its requests.
    pub version: Version,
    /// What it has done since the node started.
    pub figures: FunctionFigures,
}

impl Control {
    /// Deploys a version of a function, and makes the function if it is the first.
    pub async fn deploy_function(
        &self,
        caller: &Caller,
        wanted: DeployFunction,
    ) -> Result<FunctionDetails, ControlError> {
        let DeployFunction { name, module, settings, percent } = wanted;
        let permit = self.permit::<operation::DeployFunction>(caller, &resource(&name)).await?;
        let settings = self.checked(settings)?;
        self.check_grants(caller, &permit, (&name, &settings)).await?;
        // Also where there is nothing to share with yet.
        Route::only(1).with_canary(2, percent).map_err(FunctionError::Route)?;
        let (bytes, module, module_project) = self.function_module(caller, &permit, module).await?;
        let version = Version {
            number: 0,
            module,
            module_project,
            settings,
            actor: caller.principal.kind.to_string(),
            maker: Some(self.maker_of(&caller.principal).await?.to_string()),
            created: self.now(),
        };
        self.prepare(permit.project(), &version, bytes).await?;
        // Looked at after the compilation, which takes its time: much may have been done meanwhile.
        let there = self.parts.functions.function(&name).await?;
        let number = there.as_ref().map_or(1, |there| there.newest + 1);
        let route = match &there {
            Some(there) => there.route.with_canary(number, percent).map_err(FunctionError::Route)?,
            None => Route::only(1),
        };
        let version = Version { number, created: self.now(), ..version };
        let mut event = self.event(caller, permit.action(), resource(&name), format!("version {number}"));
        event.details.push(("module".to_owned(), module.to_string()));
        event.details.push(("route".to_owned(), route.to_string()));
        if !version.settings.grants.is_empty() {
            event.details.push(("grants".to_owned(), version.settings.grants.to_string()));
        }
        let routes = (there.as_ref().map(|there| &there.route), &route);
        let deployed = self.parts.functions.deploy(permit.project(), &name, &version, routes, event).await?;
        let function = match deployed {
            Deployed::Done(function) => function,
            Deployed::NameTaken => return Err(FunctionError::NameTaken(name).into()),
            Deployed::TooMany => return Err(FunctionError::TooMany.into()),
            Deployed::Overtaken => return Err(FunctionError::Overtaken(name).into()),
            Deployed::ModuleMissing => {
                return Err(casemate_objects::ObjectsError::BlobMissing { digest: module }.into());
            }
        };
        self.live.forget(&name);
        self.details(function).await
    }

    /// Lists functions of the caller's project, by name.
    pub async fn list_functions(
        &self,
        caller: &Caller,
        after: Option<FunctionName>,
        limit: u32,
    ) -> Result<Vec<FunctionDetails>, ControlError> {
        let permit = self.permit::<operation::ListFunctions>(caller, &Resource::all("functions")).await?;
        let listed = self.parts.functions.functions(permit.project(), after.as_ref(), limit).await?;
        let mut all = Vec::with_capacity(listed.len());
        for function in listed {
            all.push(self.details(function).await?);
        }
        Ok(all)
    }

    /// Shows a function with what it has done.
    pub async fn show_function(
        &self,
        caller: &Caller,
        name: &FunctionName,
    ) -> Result<FunctionDetails, ControlError> {
        let permit = self.permit::<operation::ShowFunction>(caller, &resource(name)).await?;
        let function = self.own_function(permit.project(), name).await?;
        self.details(function).await
    }

    /// Lists versions of a function, newest first.
    pub async fn function_versions(
        &self,
        caller: &Caller,
        name: &FunctionName,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Version>, ControlError> {
        let permit = self.permit::<operation::ListVersions>(caller, &resource(name)).await?;
        self.own_function(permit.project(), name).await?;
        Ok(self.parts.functions.versions(name, before, limit).await?)
    }

    /// What a function has logged after a line, oldest first.
    pub async fn function_log(
        &self,
        caller: &Caller,
        name: &FunctionName,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LogLine>, ControlError> {
        let permit = self.permit::<operation::ReadFunctionLog>(caller, &resource(name)).await?;
        let function = self.own_function(permit.project(), name).await?;
        Ok(self.live.find(&function).map_or_else(Vec::new, |live| live.log.after(after, limit)))
    }

    /// Chooses which versions answer.
    pub async fn route_function(
        &self,
        caller: &Caller,
        name: &FunctionName,
        route: Route,
    ) -> Result<FunctionDetails, ControlError> {
        let permit = self.permit::<operation::RouteFunction>(caller, &resource(name)).await?;
        self.set_route(caller, &permit, name, route).await
    }

    /// Has one version answer all requests: the one that is asked for, else the one before the newest of those that answer.
    pub async fn roll_back_function(
        &self,
        caller: &Caller,
        name: &FunctionName,
        to: Option<u32>,
    ) -> Result<FunctionDetails, ControlError> {
        let permit = self.permit::<operation::RouteFunction>(caller, &resource(name)).await?;
        let version = match to {
            Some(version) => version,
            None => {
                let function = self.own_function(permit.project(), name).await?;
                let former = self.parts.functions.versions(name, Some(function.route.newest()), 1).await?;
                let former = former.first().ok_or_else(|| FunctionError::NothingBefore(name.clone()))?;
                former.number
            }
        };
        self.set_route(caller, &permit, name, Route::only(version)).await
    }

    /// Removes a function with all its versions.
    pub async fn remove_function(&self, caller: &Caller, name: &FunctionName) -> Result<(), ControlError> {
        let permit = self.permit::<operation::RemoveFunction>(caller, &resource(name)).await?;
        let event = self.event(caller, permit.action(), resource(name), "removed");
        if !self.parts.functions.remove_function(permit.project(), name, event).await? {
            return Err(FunctionError::NotFound(name.clone()).into());
        }
        self.live.remove(name);
        Ok(())
    }

    async fn set_route(
        &self,
        caller: &Caller,
        permit: &Permit<operation::RouteFunction>,
        name: &FunctionName,
        route: Route,
    ) -> Result<FunctionDetails, ControlError> {
        let event = self.event(caller, permit.action(), resource(name), route.to_string());
        let routed =
            self.parts.functions.set_route(permit.project(), name, &route, self.now(), event).await?;
        let function = match routed {
            Routed::Done(function) => function,
            Routed::NotFound => return Err(FunctionError::NotFound(name.clone()).into()),
            Routed::NoVersion(version) => {
                return Err(FunctionError::NoVersion { name: name.clone(), version }.into());
            }
        };
        self.live.forget(name);
        self.details(function).await
    }

    async fn details(&self, function: Function) -> Result<FunctionDetails, ControlError> {
        let version = function.route.main();
        let found = self.parts.functions.version(&function.name, version).await?;
        let version =
            found.ok_or_else(|| FunctionError::NoVersion { name: function.name.clone(), version })?;
        let figures = self.live.find(&function).map(|live| live.figures()).unwrap_or_default();
        Ok(FunctionDetails { function, version, figures })
    }

    /// A function of the project; another's is not to be told from none.
    async fn own_function(&self, project: &Project, name: &FunctionName) -> Result<Function, ControlError> {
        let found = self.parts.functions.function(name).await?;
        let own = found.filter(|function| function.project == *project);
        own.ok_or_else(|| FunctionError::NotFound(name.clone()).into())
    }

    fn checked(&self, settings: Settings) -> Result<Settings, ControlError> {
        check_texts(&[], &settings.env)?;
        let ceiling = self.parts.settings.limits_ceiling;
        let ceiling = RunLimits { wall_ms: ceiling.wall_ms.min(WALL_MS_MAX), ..ceiling };
        let limits = settings.limits.within(&ceiling)?;
        if !(1..=CONCURRENCY_MAX).contains(&settings.concurrency) {
            return Err(FunctionError::Concurrency.into());
        }
        if own_api::names_node(&settings.hosts) {
            return Err(FunctionError::NodeAsHost.into());
        }
        if settings.rate.is_some_and(|rate| !(1..=RATE_MAX).contains(&rate)) {
            return Err(FunctionError::Rate.into());
        }
        Ok(Settings { limits, ..settings })
    }

    /// Refuses grants that no function may have, and those that whoever deploys it lacks.
    async fn check_grants(
        &self,
        caller: &Caller,
        permit: &Permit<operation::DeployFunction>,
        (name, settings): (&FunctionName, &Settings),
    ) -> Result<(), ControlError> {
        if !Scopes::of(&GRANTABLE).cover_all(&settings.grants) {
            return Err(FunctionError::NotGrantable.into());
        }
        let scopes = &permit.principal().scopes;
        let why = if !scopes.cover_all(&settings.grants) {
            FunctionError::ExceedsMaker
        } else if settings.access == Access::Public && !may_publish(scopes, &settings.grants) {
            FunctionError::Publishes
        } else if !settings.grants.is_empty() && self.is_bound(&caller.principal).await? {
            FunctionError::BoundMaker
        } else {
            return Ok(());
        };
        self.record_refused(caller, permit.action(), &resource(name), &why.to_string()).await?;
        Err(why.into())
    }

    /// Whether a principal acts by a key that counts in some networks only, of which a function is in none.
    async fn is_bound(&self, principal: &Principal) -> Result<bool, ControlError> {
        Ok(self.key_behind(principal).await?.is_some_and(|key| key.networks != Networks::default()))
    }

    /// Finds the component, and looks whether it is one that answers requests.
    async fn function_module(
        &self,
        caller: &Caller,
        permit: &Permit<operation::DeployFunction>,
        module: ModuleSource,
    ) -> Result<(SealedBytes, Digest, Option<Project>), ControlError> {
        let (digest, other) = match module {
            ModuleSource::Name(name) => {
                let (holder, digest) =
                    self.parts.names.resolve_for_function(permit, &name, self.now()).await?;
                (digest, Some(holder).filter(|holder| holder != permit.project()))
            }
            ModuleSource::Content(source) => (self.input_digest(caller, source).await?, None),
        };
        let node = self.node_caller(permit.project());
        let blob = BlobId::new(other.as_ref().unwrap_or(permit.project()), digest);
        let module = self.sealed(&node, blob, MODULE_BYTES_MAX).await?;
        let looked_at = module.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let bytes = looked_at.as_slice().map_err(|_| FunctionError::Memory)?;
            let facts = inspect(bytes, &ModuleCaps::DEFAULT)?;
            if facts.handler { Ok(()) } else { Err(casemate_sandbox::ModuleError::NoHandler.into()) }
        });
        let looked: Result<(), FunctionError> =
            looking.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        looked?;
        Ok((module, digest, other))
    }

    /// Compiles a version before anybody waits for its answer.
    async fn prepare(
        &self,
        project: &Project,
        version: &Version,
        module: SealedBytes,
    ) -> Result<(), ControlError> {
        let now = tokio::time::Instant::now();
        let job = call::job(project, version, module, (now, now));
        let sandbox = self.parts.function_sandbox.get().await?;
        Ok(sandbox.prepare(&job).await.map_err(FunctionError::NotCompiled)?)
    }
}

fn resource(name: &FunctionName) -> Resource {
    Resource::one("function", name)
}

/// Whether a version takes requests of everybody.
fn is_public(version: &Version) -> bool {
    version.settings.access == Access::Public
}

/// Whether who has `scopes` may show everybody what a function with `grants` reads.
fn may_publish(scopes: &Scopes, grants: &Scopes) -> bool {
    let mut read = grants.iter().filter(|grant| grant.scope == Scope::ObjectsRead);
    read.all(|grant| scopes.cover(Scope::ObjectsShare, &grant.pattern))
}
