//! Functions, their versions and the values that they keep.

mod stored;
mod values;

use async_trait::async_trait;
use casemate_functions::{
    Deployed, FUNCTIONS_MAX, Function, FunctionName, Functions, Route, Routed, VERSIONS_MAX, Version,
};
use casemate_ledger::Event;
use casemate_model::{Project, StoreError, Timestamp};
use casemate_objects::BlobId;

pub(crate) use values::{ALL_KEPT, kept_and_counted};

use crate::change::{Change, Tx};
use crate::failure::Failure;
use crate::sql::{Row, Statement, locking, statement, values};
use crate::store::{PAGE_MAX, Store, read_all, read_one};

#[async_trait]
impl Functions for Store {
    async fn deploy(
        &self,
        project: &Project,
        name: &FunctionName,
        version: &Version,
        (seen, route): (Option<&Route>, &Route),
        event: Event,
    ) -> Result<Deployed, StoreError> {
        let (project, name, version) = (project.clone(), name.clone(), version.clone());
        let (seen, route) = (seen.cloned(), route.clone());
        self.change(Deploy { project, name, version, seen, route, event }).await
    }

    async fn set_route(
        &self,
        project: &Project,
        name: &FunctionName,
        route: &Route,
        at: Timestamp,
        event: Event,
    ) -> Result<Routed, StoreError> {
        let (project, name) = (project.clone(), name.clone());
        self.change(SetRoute { project, name, route: route.clone(), at, event }).await
    }

    async fn remove_function(
        &self,
        project: &Project,
        name: &FunctionName,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.change(Remove { project: project.clone(), name: name.clone(), event }).await
    }

    async fn function(&self, name: &FunctionName) -> Result<Option<Function>, StoreError> {
        let action = "read a function";
        read_one(self.row(action, &FUNCTION, values![name]).await?, action, function_record)
    }

    async fn functions(
        &self,
        project: &Project,
        after: Option<&FunctionName>,
        limit: u32,
    ) -> Result<Vec<Function>, StoreError> {
        let action = "list functions";
        let after = after.map(ToString::to_string).unwrap_or_default();
        let rows = self.rows(action, &FUNCTIONS, values![project, after, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, function_record)
    }

    async fn version(&self, name: &FunctionName, number: u32) -> Result<Option<Version>, StoreError> {
        let action = "read a version of a function";
        read_one(self.row(action, &VERSION, values![name, number]).await?, action, version_record)
    }

    async fn versions(
        &self,
        name: &FunctionName,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Version>, StoreError> {
        let action = "list versions of a function";
        let before = before.unwrap_or(u32::MAX);
        let rows = self.rows(action, &VERSIONS, values![name, before, limit.min(PAGE_MAX)]).await?;
        read_all(rows, action, version_record)
    }
}

struct Deploy {
    project: Project,
    name: FunctionName,
    version: Version,
    seen: Option<Route>,
    route: Route,
    event: Event,
}

#[async_trait]
impl Change for Deploy {
    type Answer = Deployed;
    const ACTION: &'static str = "deploy a function";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Deployed, Failure> {
        let Version { number, module, module_project, settings, actor, maker, created } = &self.version;
        let there = tx.function(&self.name).await?;
        let function = match there {
            Some(there) if there.project != self.project => return Ok(Deployed::NameTaken),
            Some(there) if there.newest + 1 != *number || self.seen.as_ref() != Some(&there.route) => {
                return Ok(Deployed::Overtaken);
            }
            Some(there) => {
                Function { route: self.route.clone(), newest: *number, updated: *created, ..there }
            }
            None if *number != 1 => return Ok(Deployed::Overtaken),
            None if tx.count_functions(&self.project).await? >= FUNCTIONS_MAX => {
                return Ok(Deployed::TooMany);
            }
            None => Function {
                name: self.name.clone(),
                project: self.project.clone(),
                route: self.route.clone(),
                newest: 1,
                created: *created,
                updated: *created,
            },
        };
        let module_id = BlobId::new(module_project.as_ref().unwrap_or(&self.project), *module);
        if !tx.is_known(&module_id).await? {
            return Ok(Deployed::ModuleMissing);
        }
        if *number == 1 {
            let values = values![self.name, self.project, self.route, number, created, created];
            if tx.execute(&INSERT_FUNCTION, values).await? == 0 {
                // Another took the name just now.
                return Err(Failure::Overtaken);
            }
        } else {
            tx.execute(&SET_NEWEST, values![self.name, self.route, number, created]).await?;
        }
        tx.refer_to_known(&module_id).await?;
        let settings = stored::settings_text(settings);
        let values = values![self.name, number, module, module_project, settings, actor, maker, created];
        tx.execute(&INSERT_VERSION, values).await?;
        tx.remove_old_versions(&function, *created).await?;
        tx.record(&self.event).await?;
        Ok(Deployed::Done(function))
    }
}

struct SetRoute {
    project: Project,
    name: FunctionName,
    route: Route,
    at: Timestamp,
    event: Event,
}

#[async_trait]
impl Change for SetRoute {
    type Answer = Routed;
    const ACTION: &'static str = "route a function";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Routed, Failure> {
        let Some(there) = tx.function(&self.name).await?.filter(|there| there.project == self.project) else {
            return Ok(Routed::NotFound);
        };
        for (version, _) in self.route.parts() {
            if tx.row(&VERSION, values![self.name, version]).await?.is_none() {
                return Ok(Routed::NoVersion(*version));
            }
        }
        tx.execute(&SET_ROUTE, values![self.name, self.route, self.at]).await?;
        tx.record(&self.event).await?;
        Ok(Routed::Done(Function { route: self.route.clone(), updated: self.at, ..there }))
    }
}

struct Remove {
    project: Project,
    name: FunctionName,
    event: Event,
}

#[async_trait]
impl Change for Remove {
    type Answer = bool;
    const ACTION: &'static str = "remove a function";

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Failure> {
        let Some(there) = tx.function(&self.name).await?.filter(|there| there.project == self.project) else {
            return Ok(false);
        };
        tx.remove_versions(&there, u32::MAX, self.event.time).await?;
        tx.execute(&values::DELETE_ALL, values![self.name]).await?;
        tx.execute(&DELETE_FUNCTION, values![self.name]).await?;
        tx.record(&self.event).await?;
        Ok(true)
    }
}

impl Tx<'_> {
    /// A function, which nobody else changes until the transaction ends.
    async fn function(&mut self, name: &FunctionName) -> Result<Option<Function>, Failure> {
        self.row(&LOCK_FUNCTION, values![name]).await?.map(function_record).transpose()
    }

    async fn count_functions(&mut self, project: &Project) -> Result<u32, Failure> {
        match self.row(&COUNT_FUNCTIONS, values![project]).await? {
            Some(row) => row.only("count of functions"),
            None => Ok(0),
        }
    }

    /// Removes the versions that there are too many of, but none that is routed to.
    async fn remove_old_versions(&mut self, function: &Function, at: Timestamp) -> Result<(), Failure> {
        match function.newest.checked_sub(VERSIONS_MAX) {
            Some(last) if last > 0 => self.remove_versions(function, last, at).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Removes versions up to `last`; while the function stays, none that is routed to.
    async fn remove_versions(
        &mut self,
        function: &Function,
        last: u32,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let all = last == u32::MAX;
        for row in self.rows(&MODULES_UP_TO, values![function.name, last]).await? {
            let mut columns = row.read("version of a function");
            let (number, module) = (columns.next::<u32>()?, columns.next()?);
            let project: Option<Project> = columns.next()?;
            if !all && function.route.parts().iter().any(|(routed, _)| *routed == number) {
                continue;
            }
            self.execute(&DELETE_VERSION, values![function.name, number]).await?;
            let owner = project.as_ref().unwrap_or(&function.project);
            self.drop_reference(&BlobId::new(owner, module), at).await?;
        }
        Ok(())
    }
}

fn function_record(row: Row) -> Result<Function, Failure> {
    let mut columns = row.read("function");
    Ok(Function {
        name: columns.next()?,
        project: columns.next()?,
        route: columns.next()?,
        newest: columns.next()?,
        created: columns.next()?,
        updated: columns.next()?,
    })
}

fn version_record(row: Row) -> Result<Version, Failure> {
    let mut columns = row.read("version of a function");
    Ok(Version {
        number: columns.next()?,
        module: columns.next()?,
        module_project: columns.next()?,
        settings: stored::read_settings(&columns.next::<String>()?)?,
        actor: columns.next()?,
        maker: columns.next()?,
        created: columns.next()?,
    })
}

/// The module that a version refers to, of a row of [`ALL_VERSIONS`], which is read whole.
pub(crate) fn module_of(row: Row) -> Result<BlobId, Failure> {
    let mut columns = row.read("version of a function");
    let (_, _): (FunctionName, u32) = (columns.next()?, columns.next()?);
    let (module, of, project) = (columns.next()?, columns.next::<Option<Project>>()?, columns.next()?);
    stored::read_settings(&columns.next::<String>()?)?;
    Ok(BlobId::new(&of.unwrap_or(project), module))
}

const FUNCTION: Statement =
    statement!("SELECT name, project, route, newest, created, updated FROM functions WHERE name = $1");
const LOCK_FUNCTION: Statement =
    locking!("SELECT name, project, route, newest, created, updated FROM functions WHERE name = $1");
const FUNCTIONS: Statement = statement!(
    "SELECT name, project, route, newest, created, updated FROM functions \
     WHERE project = $1 AND name > $2 ORDER BY name LIMIT $3"
);
const COUNT_FUNCTIONS: Statement = statement!("SELECT count(*) FROM functions WHERE project = $1");
const INSERT_FUNCTION: Statement = statement!(
    "INSERT INTO functions (name, project, route, newest, created, updated) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (name) DO NOTHING"
);
const SET_NEWEST: Statement =
    statement!("UPDATE functions SET route = $2, newest = $3, updated = $4 WHERE name = $1");
const SET_ROUTE: Statement = statement!("UPDATE functions SET route = $2, updated = $3 WHERE name = $1");
const DELETE_FUNCTION: Statement = statement!("DELETE FROM functions WHERE name = $1");
const VERSION: Statement = statement!(
    "SELECT number, module, module_project, settings, actor, maker, created FROM function_versions \
     WHERE name = $1 AND number = $2"
);
const VERSIONS: Statement = statement!(
    "SELECT number, module, module_project, settings, actor, maker, created FROM function_versions \
     WHERE name = $1 AND number < $2 ORDER BY number DESC LIMIT $3"
);
const INSERT_VERSION: Statement = statement!(
    "INSERT INTO function_versions (name, number, module, module_project, settings, actor, maker, created) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);
const MODULES_UP_TO: Statement = statement!(
    "SELECT number, module, module_project FROM function_versions WHERE name = $1 AND number <= $2 ORDER BY number"
);
const DELETE_VERSION: Statement = statement!("DELETE FROM function_versions WHERE name = $1 AND number = $2");
pub(crate) const ALL_VERSIONS: Statement = statement!(
    "SELECT v.name, v.number, v.module, v.module_project, f.project, v.settings FROM function_versions v \
     JOIN functions f ON f.name = v.name WHERE (v.name, v.number) > ($1, $2) ORDER BY v.name, v.number LIMIT $3"
);

#[cfg(feature = "test-support")]
pub(crate) const HOT: &[(&str, &Statement)] = &[
    ("find a function", &FUNCTION),
    ("list functions", &FUNCTIONS),
    ("find a version of a function", &VERSION),
    ("list versions of a function", &VERSIONS),
    ("find old versions of a function", &MODULES_UP_TO),
    ("read a value of a function", &values::VALUE),
    ("list values of a function", &values::VALUES),
];
