use std::time::Duration;

use casemate_api::tasks::{LogPiece, LogStream, TaskProgress};
use casemate_api::{Client, Download, TaskEvent, TaskStream};
use casemate_model::TaskId;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::run::{Guest, Show, Stream};
use crate::context::Context;
use crate::escape::escaped_line;
use crate::output::Output;
use crate::report::{CliError, Status};
use crate::transfer::Sink;

/// Print what a task has written to standard error, or to standard output.
///
/// With --follow it is printed while the task runs, with a bar if the program says how far it is: by lines
/// `casemate:progress DONE/TOTAL TEXT` on standard error. Ends with code 0 if the task succeeded, with 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casemate task logs tsk_01kg9ys7kv040g2081040g2081
  casemate task logs -f \"$(casemate run train.wasm --detach)\"
  casemate task logs -f --stream all tsk_01kg9ys7kv040g2081040g2081")]
pub(crate) struct Logs {
    /// The task's id.
    #[arg(value_name = "TASK")]
    id: TaskId,
    /// Go on with what is written, to the task's end; Ctrl-C ends it, and not the task.
    #[arg(long, short)]
    follow: bool,
    /// Which stream.
    #[arg(long, value_name = "STREAM", default_value = "stderr")]
    stream: Wanted,
    /// Let control characters through to the terminal.
    #[arg(long)]
    raw: bool,
}

/// Streams, as options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Stdout,
    Stderr,
    All,
}

impl Wanted {
    fn streams(self) -> &'static [LogStream] {
        match self {
            Self::Stdout => &[LogStream::Stdout],
            Self::Stderr => &[LogStream::Stderr],
            Self::All => &[LogStream::Stderr, LogStream::Stdout],
        }
    }
}

impl Logs {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let (client, output, id) = (context.client()?, context.output, self.id.to_string());
        let mut seen = Seen::new(output, self.raw);
        if self.follow {
            let followed = follow(&client, &id, self.stream.streams(), &mut seen);
            tokio::select! {
                followed = followed => followed?,
                // Whoever stops looking wants nothing more of it.
                _ = tokio::signal::ctrl_c() => return Ok(Status::Done),
            }
        }
        for stream in self.stream.streams() {
            seen.rest(&client, &id, *stream).await?;
        }
        if !self.follow {
            return Ok(Status::Done);
        }
        let task = client.tasks_show(&id, Duration::ZERO).await?;
        output.note(&format!("{id} is over: {}", task.state.as_str()));
        let succeeded = task.state == casemate_api::tasks::TaskState::Succeeded;
        Ok(if succeeded { Status::Done } else { Status::Failed })
    }
}

/// Shows what a task writes to `streams` until it is over. A stream of events that ends early is opened again.
async fn follow(client: &Client, id: &str, streams: &[LogStream], seen: &mut Seen) -> Result<(), CliError> {
    loop {
        let mut events = client.tasks_logs(id).await?;
        while let Some(event) = events.next().await? {
            match event {
                TaskEvent::State(state) => seen.attempt(state.attempt),
                TaskEvent::Log(piece) if streams.contains(&piece.stream) => seen.show(&piece)?,
                TaskEvent::Log(_) => {}
                TaskEvent::Progress(progress) => seen.progress(&progress),
                TaskEvent::End(_) => {
                    seen.bar.finish_and_clear();
                    return Ok(());
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// How long to wait before events are asked for again.
const AGAIN: Duration = Duration::from_millis(500);

/// What of the present attempt has been shown.
struct Seen {
    output: Output,
    bar: ProgressBar,
    attempt: u32,
    bytes: [u64; 2],
    sink: Guest,
}

impl Seen {
    fn new(output: Output, raw: bool) -> Self {
        // What was asked for is data, even if the guest meant it as talk.
        let sink = Guest::new(Show { output, raw }, Stream::Stdout);
        Self { output, bar: ProgressBar::hidden(), attempt: 0, bytes: [0; 2], sink }
    }

    fn attempt(&mut self, attempt: u32) {
        if attempt > self.attempt {
            if self.attempt > 0 {
                self.output.note(&format!("attempt {attempt}"));
            }
            (self.attempt, self.bytes) = (attempt, [0; 2]);
        }
    }

    fn show(&mut self, piece: &LogPiece) -> Result<(), CliError> {
        self.attempt(piece.attempt);
        let seen = &mut self.bytes[piece.stream as usize];
        // A stream that was opened again begins with what was shown.
        if piece.attempt < self.attempt || piece.offset < *seen {
            return Ok(());
        }
        let (missed, end) = (piece.offset - *seen, piece.offset + piece.bytes);
        *seen = end;
        if self.output.json() {
            return self.output.value_line(piece);
        }
        if missed > 0 {
            self.output.note(&format!("{missed} bytes are left out; they are there when the task is over"));
        }
        let sink = &mut self.sink;
        self.bar.suspend(|| sink.take(piece.text.as_bytes()))
    }

    fn progress(&mut self, progress: &TaskProgress) {
        if !self.output.progress() {
            return;
        }
        if self.bar.is_hidden() {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
            self.bar = ProgressBar::new(progress.total).with_style(style.expect("the template is good"));
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        self.bar.set_message(escaped_line(&progress.text));
    }

    /// Shows what of a stream has not been shown, of a task that is over.
    async fn rest(&mut self, client: &Client, id: &str, stream: LogStream) -> Result<(), CliError> {
        let wanted = match stream {
            LogStream::Stdout => TaskStream::Stdout,
            LogStream::Stderr => TaskStream::Stderr,
        };
        let mut download: Download = match client.tasks_output(id, wanted).await {
            Ok(download) => download,
            // It was followed to an end without a run.
            Err(casemate_api::ClientError::Problem(problem))
                if self.attempt > 0 && problem.code == casemate_api::ProblemCode::NotFound =>
            {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let mut skip = self.bytes[stream as usize];
        while let Some(bytes) = download.chunk().await? {
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= skipped as u64;
            let rest = &bytes[skipped..];
            if self.output.json() && !rest.is_empty() {
                let seen = &mut self.bytes[stream as usize];
                let text = String::from_utf8_lossy(rest).into_owned();
                let (attempt, offset, bytes) = (self.attempt, *seen, rest.len() as u64);
                *seen += bytes;
                self.output.value_line(&LogPiece { attempt, stream, offset, bytes, text })?;
            } else {
                self.sink.take(rest)?;
            }
        }
        self.sink.finish()
    }
}
