//! Which worker serves which run: a plain structure without processes, so that its rules can be tested.

use casemate_model::Project;

/// Idle workers, oldest first. A worker belongs to the project of its first run and never serves another.
pub(crate) struct Pool<W> {
    idle: Vec<Idle<W>>,
    runs_max: u32,
}

/// A worker on its way between the pool and a run.
pub(crate) struct Idle<W> {
    /// The worker.
    pub(crate) worker: W,
    /// Whether it runs at the lowest priority, which it does for good.
    pub(crate) slow: bool,
    project: Option<Project>,
    runs: u32,
}

impl<W> Idle<W> {
    /// A worker that has served nobody.
    pub(crate) fn fresh(worker: W) -> Self {
        Self { worker, slow: false, project: None, runs: 0 }
    }

    /// Binds the worker to the project of its run.
    pub(crate) fn bind(&mut self, project: &Project) {
        debug_assert!(self.project.as_ref().is_none_or(|bound| bound == project), "never across projects");
        self.project = Some(project.clone());
        self.runs += 1;
    }
}

impl<W> Pool<W> {
    /// An empty pool, whose workers serve `runs_max` runs each.
    pub(crate) fn new(runs_max: u32) -> Self {
        Self { idle: Vec::new(), runs_max }
    }

    /// Takes a worker for `project`: one that served it before, whose code is warm, and that is slow or not as is wanted, else a
    /// fresh one.
    pub(crate) fn take(&mut self, project: &Project, slow: bool) -> Option<Idle<W>> {
        let fits = |idle: &Idle<W>| idle.project.as_ref() == Some(project) && idle.slow == slow;
        let bound = self.idle.iter().rposition(fits);
        let index = bound.or_else(|| self.idle.iter().position(|idle| idle.project.is_none()))?;
        Some(self.idle.remove(index))
    }

    /// Takes any worker, for a question that involves no guest.
    pub(crate) fn take_any(&mut self) -> Option<Idle<W>> {
        self.idle.pop()
    }

    /// Takes the worker that has been idle for longest, to make room.
    pub(crate) fn take_oldest(&mut self) -> Option<Idle<W>> {
        (!self.idle.is_empty()).then(|| self.idle.remove(0))
    }

    /// Gives a worker back. Returns it if it has served its runs and has to go.
    pub(crate) fn put(&mut self, idle: Idle<W>) -> Option<Idle<W>> {
        if idle.runs >= self.runs_max {
            return Some(idle);
        }
        self.idle.push(idle);
        None
    }

    /// How many workers are idle, and how many of them have served nobody.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let fresh = self.idle.iter().filter(|idle| idle.project.is_none()).count();
        (self.idle.len(), fresh)
    }

    /// Takes all workers.
    pub(crate) fn drain(&mut self) -> Vec<Idle<W>> {
        std::mem::take(&mut self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn project(name: &str) -> Project {
        name.parse().expect("a project's name")
    }

    #[test]
    fn a_project_gets_its_own_worker_back_else_a_fresh_one_else_none() {
        let mut pool = Pool::new(10);
        assert!(pool.put(Idle::fresh(1)).is_none());
        assert!(pool.put(Idle::fresh(2)).is_none());
        let mut first = pool.take(&project("a"), false).unwrap();
        first.bind(&project("a"));
        assert!(pool.put(first).is_none());
        assert_eq!(pool.take(&project("b"), false).unwrap().worker, 2);
        assert!(pool.take(&project("b"), false).is_none());
        assert_eq!(pool.take(&project("a"), false).unwrap().worker, 1);
    }

    #[test]
    fn a_worker_that_is_slow_serves_only_who_wants_that() {
        let mut pool = Pool::new(10);
        let mut slow = Idle::fresh(1);
        slow.bind(&project("a"));
        slow.slow = true;
        assert!(pool.put(slow).is_none());
        assert!(pool.take(&project("a"), false).is_none());
        assert_eq!(pool.take(&project("a"), true).unwrap().worker, 1);
        assert!(pool.put(Idle::fresh(2)).is_none());
        assert_eq!(pool.take(&project("a"), true).unwrap().worker, 2, "else a fresh one");
    }

    #[test]
    fn a_worker_goes_after_its_runs() {
        let mut pool = Pool::new(2);
        let mut idle = Idle::fresh(1);
        idle.bind(&project("a"));
        assert!(pool.put(idle).is_none());
        let mut idle = pool.take(&project("a"), false).unwrap();
        idle.bind(&project("a"));
        assert_eq!(pool.put(idle).unwrap().worker, 1);
        assert_eq!(pool.counts(), (0, 0));
    }

    proptest! {
        #[test]
        fn no_worker_ever_serves_two_projects(steps in prop::collection::vec((0u8..3, any::<bool>()), 1..60)) {
            let mut pool = Pool::new(5);
            let mut served: Vec<Option<String>> = Vec::new();
            for (name, fresh) in steps {
                if fresh {
                    served.push(None);
                    pool.put(Idle::fresh(served.len() - 1));
                }
                let project = project(&format!("p{name}"));
                if let Some(mut idle) = pool.take(&project, false) {
                    let former = served[idle.worker].replace(project.to_string());
                    prop_assert!(former.is_none_or(|former| former == project.to_string()));
                    idle.bind(&project);
                    pool.put(idle);
                }
            }
        }
    }
}
