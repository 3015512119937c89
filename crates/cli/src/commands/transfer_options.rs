use casemate_remote::deltaglider::PutOptions;
use clap::Args;

use crate::context::Context;
use crate::output::Output;
use crate::remote::{BucketOptions, Copier, Filter, Opener, StoreOptions};

/// What every command takes that moves many files.
#[derive(Clone, Debug, Args)]
pub(super) struct TransferOptions {
    /// Store files as they are, not as deltas.
    #[arg(long)]
    no_delta: bool,
    /// The largest share of a file that its delta may have, from 0 to 1; the file is stored as it is otherwise.
    #[arg(long, value_name = "RATIO", default_value_t = 0.5, value_parser = ratio)]
    max_ratio: f64,
    /// Say what would be done, and do nothing.
    #[arg(long, alias = "dry-run")]
    dryrun: bool,
    /// Say nothing but what fails, and show no progress.
    #[arg(short, long)]
    quiet: bool,
    /// How many files are copied at once; a move copies one at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    #[command(flatten)]
    pub(super) filter: Filter,
    #[command(flatten)]
    pub(super) buckets: BucketOptions,
}

impl TransferOptions {
    /// A copier that works as the options say.
    pub(super) fn copier<'a>(
        &self,
        context: &'a Context,
        media_type: Option<String>,
        moves: bool,
    ) -> Copier<'a> {
        let put = PutOptions {
            no_delta: self.no_delta,
            max_ratio: self.max_ratio,
            content_type: media_type.clone(),
            ..PutOptions::default()
        };
        Copier {
            context,
            store: StoreOptions { put, media_type },
            moves,
            is_dry: self.dryrun,
            quiet: self.quiet,
            jobs: if moves { 1 } else { usize::from(self.jobs) },
        }
    }

    /// Who opens the places, and shows how far the copy is.
    pub(super) fn opener<'a>(&'a self, context: &'a Context) -> Opener<'a> {
        Opener::showing(context, &self.buckets, self.quiet || self.dryrun)
    }

    /// Whether only failures are told.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Where progress shows, if it does.
    pub(super) const fn progress_of(&self, context: &Context) -> Output {
        if self.quiet { context.output.without_progress() } else { context.output }
    }

    /// Whether nothing may be changed.
    pub(super) const fn is_dry(&self) -> bool {
        self.dryrun
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err("it is not between 0 and 1".to_owned()) }
}
