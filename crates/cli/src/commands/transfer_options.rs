use casemate_remote::deltaglider::PutOptions;
use clap::Args;

use crate::context::Context;
use crate::remote::{BucketOptions, Copier, Filter, StoreOptions};

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
    #[arg(long)]
    dryrun: bool,
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
        Copier { context, store: StoreOptions { put, media_type }, moves, is_dry: self.dryrun }
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
