use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use casemate_fs::SealedBytes;
use casemate_functions::{Function, FunctionName, Settings, Version};
use casemate_identity::Maker;
use casemate_model::{Outcome, Project, RequestId};
use casemate_objects::BlobId;
use casemate_policy::operation;
use casemate_sandbox::{Answer, Job, Profile, RunReport, Sandbox, Serving};
use futures_util::Stream;
use http::{Request, Response};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::live::{BodyMemory, Ended, Known, LiveFunction, Place, Places, Running};
use super::log::RequestLog;
use super::outbound::{FunctionOutbound, OF_CONNECTION};
use super::own_api::{Granted, OwnApi};
use super::{FunctionError, MODULE_BYTES_MAX, is_public, resource};
use crate::{Caller, Control, ControlError};

/// How long a run that was stopped at a limit keeps its place, because it may have cost the node a worker: others would wait while
/// those of a function that does nothing else are replaced.
const COOL_DOWN: Duration = Duration::from_millis(500);
/// How long a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How long whoever reads an answer may take nothing of it.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How long a guest goes on when nobody reads its answer any more. Who has the whole of it, by its length, looks away before the
/// guest has returned, and a run that is ended costs a worker.
const FINISH_WITHIN: Duration = Duration::from_millis(100);
/// Pieces of an answer that are handed on before anybody takes them.
const PIECES_AHEAD: usize = 4;
/// How long a request waits for its turn before it is refused.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// A request to a function that is let in, before it is read.
pub struct Call {
    control: Control,
    live: Arc<LiveFunction>,
    function: Function,
    version: Version,
    accepted: Instant,
    deadline: Instant,
}

/// A function's answer.
pub struct Called {
    /// Status and headers, without those of a connection.
    pub head: Response<()>,
    /// The body as it comes. It ends with an error if the function failed midway.
    pub body: CalledBody,
}

/// The body of a function's answer. Dropping it ends the run.
pub struct CalledBody(mpsc::Receiver<Piece>);

/// What the body of an answer is made of.
enum Piece {
    Bytes(Bytes),
    Failed(FunctionError),
    End,
}

impl Control {
    /// Finds the function that a request is for, and chooses the version that is to answer.
    pub async fn find_call(&self, name: &FunctionName) -> Result<Call, ControlError> {
        let (accepted, now) = (Instant::now(), self.now());
        let found = self.live.by_name(name).and_then(|live| live.known(now).map(|known| (live, known)));
        let (live, known) = match found {
            Some(found) => found,
            None => {
                let known = self.read_known(name).await?;
                let live = self.live.of(&known.function);
                let live = live.ok_or_else(|| FunctionError::Busy(name.clone()))?;
                live.learn(known.clone(), now);
                (live, known)
            }
        };
        let chosen = known.function.route.choose(self.random());
        let version = known.versions.iter().find(|version| version.number == chosen).cloned();
        let version =
            version.ok_or_else(|| FunctionError::NoVersion { name: name.clone(), version: chosen })?;
        let deadline = accepted + Duration::from_millis(version.settings.limits.wall_ms);
        let control = self.clone();
        Ok(Call { control, live, function: known.function, version, accepted, deadline })
    }

    async fn read_known(&self, name: &FunctionName) -> Result<Known, ControlError> {
        let found = self.parts.functions.function(name).await?;
        let function = found.ok_or_else(|| FunctionError::NotFound(name.clone()))?;
        let mut versions = Vec::with_capacity(function.route.parts().len());
        for (number, _) in function.route.parts() {
            versions.extend(self.parts.functions.version(name, *number).await?);
        }
        Ok(Known { function, versions: versions.into() })
    }
}

impl Call {
    /// Most bytes of the body of a request, which is held in memory.
    pub const BODY_BYTES_MAX: u64 = 8 << 20;

    /// Whether everybody may send it.
    pub fn is_public(&self) -> bool {
        is_public(&self.version)
    }

    /// Refuses a caller that may not send it. To one of another project there is no such function.
    pub async fn allow(&self, caller: &Caller) -> Result<(), ControlError> {
        let name = &self.function.name;
        self.control.permit::<operation::CallFunction>(caller, &resource(name)).await?;
        if caller.principal.project == self.function.project {
            return Ok(());
        }
        Err(FunctionError::NotFound(name.clone()).into())
    }

    /// Has the function answer, in its turn; what it asks of the node itself, `api` answers. `body`, of at most
    /// `bytes_max`, is read into memory that it takes as it comes.
    pub async fn run<B>(
        self,
        (id, api): (RequestId, Arc<dyn OwnApi>),
        request: Request<()>,
        bytes_max: u64,
        body: impl FnOnce(BodyMemory) -> B,
    ) -> Result<Called, ControlError>
    where
        B: Future<Output = Result<(Option<SealedBytes>, BodyMemory), ControlError>>,
    {
        let name = self.function.name.clone();
        let places = self.enter()?;
        let waiting = places.enter().ok_or_else(|| self.busy())?;
        if bytes_max > Self::BODY_BYTES_MAX {
            return Err(FunctionError::BodyTooLarge { bytes_max: Self::BODY_BYTES_MAX }.into());
        }
        let memory = self.control.live.body_memory(&self.live, name.clone());
        // Whoever sends slowly takes nobody's turn, and nobody's place in the line for long.
        let body = timeout_at(self.deadline.min(Instant::now() + BODY_WITHIN), body(memory)).await;
        let (body, memory) = body.map_err(|_| FunctionError::BodyTooSlow)??;
        let turn = self.deadline.min(Instant::now() + TURN_WITHIN);
        let place = timeout_at(turn, places.take(waiting)).await;
        let place = Arc::new(place.ok().flatten().ok_or_else(|| self.busy())?);
        let running = self.live.run();
        let sandbox = self.control.parts.function_sandbox.get().await?.clone();
        let (answer, mut pieces) = mpsc::unbounded_channel();
        let outbound = Arc::new(self.outbound(id, api)?);
        let job = self.job(Serving { request, answer, outbound }, body).await?;
        let cancel = self.control.closing.child_token();
        let end = cancel.clone().drop_guard();
        let (ended, outcome) = oneshot::channel();
        let background = self.control.background.clone();
        let unread = self.control.live.unread();
        let held = (running, Arc::clone(&place), memory);
        background.spawn(self.supervise((id, sandbox), (job, cancel), held, ended));
        match pieces.recv().await {
            Some(Answer::Head(mut head)) => {
                for header in OF_CONNECTION {
                    head.headers_mut().remove(header);
                }
                let (to, body) = mpsc::channel(PIECES_AHEAD);
                let handed_on = HandedOn { name, pieces, outcome, to, unread, place, _end: end };
                background.spawn(handed_on.run());
                Ok(Called { head, body: CalledBody(body) })
            }
            // A body without a head is let through by nobody.
            Some(Answer::Body(_)) | None => {
                let outcome = outcome.await.unwrap_or_else(|_| lost());
                Err(FunctionError::Failed { name, outcome }.into())
            }
        }
    }

    /// Charges the request, and finds the places of its version.
    fn enter(&self) -> Result<Arc<Places>, ControlError> {
        if let Some(rate) = self.version.settings.rate
            && let Err(retry_after) = self.live.charge(rate, self.control.now())
        {
            self.live.refused();
            let name = self.function.name.clone();
            return Err(FunctionError::TooOften { name, rate, retry_after }.into());
        }
        let shares = self.control.parts.function_sandbox.shares();
        Ok(self.live.places(&self.version, &self.control.live, shares))
    }

    fn busy(&self) -> FunctionError {
        self.live.refused();
        FunctionError::Busy(self.function.name.clone())
    }

    fn outbound(&self, request: RequestId, api: Arc<dyn OwnApi>) -> Result<FunctionOutbound, ControlError> {
        let Settings { hosts, grants, .. } = &self.version.settings;
        let maker = self.version.maker.as_deref().filter(|_| !grants.is_empty());
        let maker: Option<Maker> = maker.map(str::parse).transpose().map_err(FunctionError::Maker)?;
        let granted = maker.map(|maker| Granted {
            api,
            control: self.control.clone(),
            project: self.function.project.clone(),
            function: self.function.name.clone(),
            request,
            maker,
            scopes: grants.clone(),
        });
        let dialer = self.control.parts.function_dialer.clone();
        let (live, control, version) = (Arc::clone(&self.live), self.control.clone(), self.version.number);
        let log = RequestLog { live, control, request, version };
        Ok(FunctionOutbound { rules: hosts.clone(), dialer, granted, log, said: AtomicU32::new(0) })
    }

    async fn job(&self, serving: Serving, body: Option<SealedBytes>) -> Result<Job, ControlError> {
        let Version { module, module_project, .. } = &self.version;
        let module_bytes = match self.control.live.module(*module) {
            Some(module) => module,
            None => {
                let project = module_project.as_ref().unwrap_or(&self.function.project);
                let node = self.control.node_caller(&self.function.project);
                let blob = BlobId::new(project, *module);
                let read = self.control.sealed(&node, blob, MODULE_BYTES_MAX).await?;
                self.control.live.keep_module(*module, read.clone());
                read
            }
        };
        let job = job(&self.function.project, &self.version, module_bytes, (self.accepted, self.deadline));
        let slow = self.live.is_slow(self.accepted);
        Ok(Job { stdin: body, serving: Some(serving), slow, ..job })
    }

    /// Runs the guest to its end, and notes what came of it.
    async fn supervise(
        self,
        (id, sandbox): (RequestId, Sandbox),
        (job, cancel): (Job, CancellationToken),
        (running, place, _memory): (Running, Arc<Place>, BodyMemory),
        ended: oneshot::Sender<Outcome>,
    ) {
        let slow_before = job.slow;
        let RunReport { outcome, status, stderr, slow, .. } = sandbox.run(job, cancel).await;
        let took = self.accepted.elapsed();
        let ending = match (&outcome, status) {
            // Whoever asked has gone.
            (Outcome::Cancelled, None) => None,
            (Outcome::Exited(0) | Outcome::Cancelled, Some(status)) => Some(Ended::Answered { status }),
            _ => Some(Ended::Failed),
        };
        if let Some(ending) = ending {
            running.ended(ending, took);
            let name = self.control.live.label(&self.function.name);
            let class = match ending {
                Ended::Answered { status: 500.. } => "5xx",
                Ended::Answered { status: 400.. } => "4xx",
                Ended::Answered { status: 300.. } => "3xx",
                Ended::Answered { .. } => "2xx",
                Ended::Failed => "failed",
            };
            metrics::counter!("casemate_function_requests_total", "function" => name.clone(), "status" => class)
                .increment(1);
            metrics::histogram!("casemate_function_seconds", "function" => name).record(took.as_secs_f64());
        }
        let now = self.control.now();
        self.live.log.add(now, (id, self.version.number), &stderr);
        if matches!(ending, Some(Ended::Failed)) {
            let line = format!("casemate: {outcome}");
            self.live.log.add(now, (id, self.version.number), line.as_bytes());
        }
        let costly = matches!(outcome, Outcome::LimitReached(_) | Outcome::EngineFailed(_));
        if costly || (slow && !slow_before) {
            self.live.slow_down(Instant::now());
        }
        // Whoever asked may have gone.
        let _ = ended.send(outcome);
        if costly {
            drop(running);
            tokio::select! {
                () = tokio::time::sleep(COOL_DOWN) => {}
                () = self.control.closing.cancelled() => {}
            }
        }
        drop(place);
    }
}

/// What a version is run as; what it is to answer is not in it yet.
pub(super) fn job(
    project: &Project,
    version: &Version,
    module: SealedBytes,
    (accepted, deadline): (Instant, Instant),
) -> Job {
    Job {
        module,
        module_digest: version.module,
        project: project.clone(),
        args: vec!["function".to_owned()],
        env: version.settings.env.clone(),
        stdin: None,
        inputs: Vec::new(),
        output_directory: false,
        limits: version.settings.limits,
        profile: Profile::Default,
        seed: [0; 32],
        deadline,
        accepted,
        serving: None,
        slow: false,
        watcher: None,
    }
}

/// Hands an answer on at the pace of whoever reads it, so that the guest never waits for that.
struct HandedOn {
    name: FunctionName,
    pieces: mpsc::UnboundedReceiver<Answer>,
    outcome: oneshot::Receiver<Outcome>,
    to: mpsc::Sender<Piece>,
    unread: Arc<Semaphore>,
    place: Arc<Place>,
    _end: DropGuard,
}

impl HandedOn {
    /// Ends when all is handed on, when whoever reads has gone, or reads nothing for a while; with the run.
    async fn run(self) {
        let Self { name, mut pieces, outcome, to, unread, place, _end } = self;
        let (mut waiting, mut bytes, mut over) = (VecDeque::new(), 0, false);
        // The function's place is taken until the run is over, and longer only if the node has no memory for what is unread.
        let mut held = (Some(place), None);
        let mut idle = Instant::now() + IDLE_MAX;
        while !over || !waiting.is_empty() {
            tokio::select! {
                piece = pieces.recv(), if !over => match piece {
                    Some(Answer::Body(piece)) => {
                        bytes += piece.len();
                        waiting.push_back(piece);
                    }
                    Some(Answer::Head(_)) => {}
                    None => {
                        over = true;
                        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
                        if let Ok(memory) = Arc::clone(&unread).try_acquire_many_owned(kib) {
                            held = (None, Some(memory));
                        }
                    }
                },
                room = to.reserve(), if !waiting.is_empty() => match (room, waiting.pop_front()) {
                    (Ok(room), Some(piece)) => {
                        bytes -= piece.len();
                        room.send(Piece::Bytes(piece));
                        idle = Instant::now() + IDLE_MAX;
                    }
                    _ => {
                        let _ = timeout(FINISH_WITHIN, outcome).await;
                        return;
                    }
                },
                () = sleep_until(idle), if !waiting.is_empty() => return,
                () = to.closed() => {
                    let _ = timeout(FINISH_WITHIN, outcome).await;
                    return;
                }
            }
        }
        let last = match outcome.await.unwrap_or_else(|_| lost()) {
            Outcome::Exited(0) => Piece::End,
            outcome => Piece::Failed(FunctionError::Failed { name, outcome }),
        };
        // Whoever reads may have gone.
        let _ = timeout(IDLE_MAX, to.send(last)).await;
        drop(held);
    }
}

fn lost() -> Outcome {
    Outcome::EngineFailed("the run is lost".to_owned())
}

impl Stream for CalledBody {
    type Item = Result<Bytes, FunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.0.poll_recv(context)) {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::Failed(error)) => Some(Err(error)),
            Some(Piece::End) => None,
            None => Some(Err(FunctionError::NotTaken)),
        })
    }
}
