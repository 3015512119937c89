//! What a task writes and how far it is, while it runs.
//!
//! It is kept in memory, on the server that runs the task or that its node hands it to: it informs, and what counts is what is
//! handed in when the run ends. Who follows on another server learns of the task's states and its end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use casemate_model::{Project, TaskId};
use casemate_policy::operation;
use casemate_sandbox::{OutputStream, Watcher};
use casemate_tasks::{Held, LiveLog, LogPiece, LogStream, RunProgress, TaskRecord, TaskState};
use tokio::sync::watch;

use super::read::resource;
use crate::{Caller, Control, ControlError};

/// Tasks of which something is kept at once. Of others nothing is seen before they end.
const LOGS_MAX: usize = 1_024;
/// How often who follows looks at the stored task, in case something was done on another server.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What tasks write that run now.
#[derive(Default)]
pub(crate) struct LiveLogs(Mutex<HashMap<TaskId, Arc<Live>>>);

#[derive(Default)]
struct Live {
    known: Mutex<Known>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Known {
    log: LiveLog,
    /// Where the task stands, and its attempt, as far as this server was told.
    state: Option<(TaskState, u32)>,
}

/// What happens to a task, as who follows it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowEvent {
    /// The task's state, or its attempt, is another one.
    State(TaskState, u32),
    /// The guest has written something.
    Log(LogPiece),
    /// The guest says how far it is.
    Progress(RunProgress),
    /// The task is over, and nothing more comes.
    End(TaskState),
}

/// A task as somebody follows it.
pub struct Followed {
    control: Control,
    project: Project,
    id: TaskId,
    live: Arc<Live>,
    changed: watch::Receiver<()>,
    place: u64,
    state: Option<(TaskState, u32)>,
    /// What this server was last told. Another one may have gone on with the task since.
    told: Option<(TaskState, u32)>,
    progress: Option<RunProgress>,
    next: VecDeque<FollowEvent>,
    over: bool,
}

impl Control {
    /// Follows a task to its end. What it wrote before, and is still kept, comes first.
    pub async fn follow_task(&self, caller: &Caller, id: TaskId) -> Result<Followed, ControlError> {
        let permit = self.permit::<operation::FollowTask>(caller, &resource(id)).await?;
        let project = permit.project().clone();
        // Nothing is kept of tasks that are not the caller's, or over.
        let over = self.find_task(&project, id).await?.progress.state.is_final();
        let live = if over { Arc::default() } else { self.logs.of(id) };
        let (changed, place) = (live.changed.subscribe(), live.lock().log.begin());
        // Looked at after it is followed, so that no end is missed.
        let task = self.find_task(&project, id).await?;
        if task.progress.state.is_final() {
            self.logs.tell(&task);
        }
        let mut followed = Followed {
            control: self.clone(),
            project,
            id,
            live,
            changed,
            place,
            state: None,
            told: None,
            progress: None,
            next: VecDeque::new(),
            over: false,
        };
        followed.note(task.progress.state, task.progress.attempt);
        Ok(followed)
    }

    /// How far a task says it is that runs now.
    pub fn progress_of(&self, task: &TaskRecord) -> Option<RunProgress> {
        if task.progress.state.is_final() {
            return None;
        }
        self.logs.find(task.id)?.lock().log.progress().cloned()
    }

    /// Takes what a run of the calling node has written next, for whoever follows the task.
    pub async fn note_log(
        &self,
        caller: &Caller,
        held: Held,
        (stream, offset): (LogStream, u64),
        bytes: &[u8],
    ) -> Result<(), ControlError> {
        let node = self.working_node(caller).await?;
        let task = self.held_task(&node, held).await?;
        let live = self.logs.of(task.id);
        live.lock().log.add_at(task.progress.attempt, stream, offset, bytes);
        live.changed.send_replace(());
        Ok(())
    }
}

impl LiveLogs {
    /// What is kept of a task; made if there is nothing yet.
    fn of(&self, id: TaskId) -> Arc<Live> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = all.get(&id) {
            return Arc::clone(live);
        }
        let live = Arc::<Live>::default();
        if all.len() >= LOGS_MAX {
            let idle = all.iter().find(|(_, live)| Arc::strong_count(live) == 1).map(|(id, _)| *id);
            let Some(idle) = idle else { return live };
            all.remove(&idle);
        }
        all.insert(id, Arc::clone(&live));
        live
    }

    fn find(&self, id: TaskId) -> Option<Arc<Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// What sees the output of a run here.
    pub(crate) fn watcher(&self, id: TaskId, attempt: u32) -> Arc<dyn Watcher> {
        Arc::new(RunWatcher { live: self.of(id), attempt })
    }

    /// Tells whoever follows a task where it stands now. Of one that is over nothing is kept.
    pub(crate) fn tell(&self, task: &TaskRecord) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = all.get(&task.id).cloned() else { return };
        if task.progress.state.is_final() {
            all.remove(&task.id);
        }
        drop(all);
        live.lock().state = Some((task.progress.state, task.progress.attempt));
        live.changed.send_replace(());
    }
}

impl Live {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what a run writes.
struct RunWatcher {
    live: Arc<Live>,
    attempt: u32,
}

impl Watcher for RunWatcher {
    fn wrote(&self, stream: OutputStream, bytes: &[u8]) {
        let stream = match stream {
            OutputStream::Stdout => LogStream::Stdout,
            OutputStream::Stderr => LogStream::Stderr,
        };
        self.live.lock().log.add(self.attempt, stream, bytes);
        self.live.changed.send_replace(());
    }
}

impl Followed {
    /// What happens next; nothing more after the end, or when the node stops.
    pub async fn next(&mut self) -> Result<Option<FollowEvent>, ControlError> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            self.changed.borrow_and_update();
            self.look();
            if !self.next.is_empty() {
                continue;
            }
            let stopping = self.control.stopping.clone();
            tokio::select! {
                () = stopping.cancelled() => return Ok(None),
                changed = tokio::time::timeout(LOOK_AGAIN, self.changed.changed()) => {
                    if changed.is_err() {
                        self.look_at_task().await?;
                    }
                }
            }
        }
    }

    /// Takes what is new of what this server knows.
    fn look(&mut self) {
        let known = self.live.lock();
        let (pieces, place) = known.log.after(self.place);
        let (progress, state) = (known.log.progress().cloned(), known.state);
        drop(known);
        self.place = place;
        // What was written comes before the end, whichever was noticed first.
        self.next.extend(pieces.into_iter().map(FollowEvent::Log));
        if progress != self.progress {
            self.next.extend(progress.clone().map(FollowEvent::Progress));
            self.progress = progress;
        }
        if let Some((at, attempt)) = state
            && self.told != state
        {
            self.told = state;
            self.note(at, attempt);
        }
    }

    async fn look_at_task(&mut self) -> Result<(), ControlError> {
        let task = self.control.find_task(&self.project, self.id).await?;
        self.note(task.progress.state, task.progress.attempt);
        Ok(())
    }

    fn note(&mut self, state: TaskState, attempt: u32) {
        if self.over || self.state == Some((state, attempt)) {
            return;
        }
        self.state = Some((state, attempt));
        self.next.push_back(FollowEvent::State(state, attempt));
        if state.is_final() {
            self.next.push_back(FollowEvent::End(state));
            self.over = true;
        }
    }
}
