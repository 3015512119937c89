use std::collections::HashMap;

use serde_json::json;

use super::list::{Judged, folders};
use super::metadata::format_time;
use super::names::{DELTA_ENDING, INTERNAL_PREFIX, REFERENCE_NAME, reference_key, split};
use super::{DeltaGlider, DeltaGliderError, Record};
use crate::error::chain;
use crate::{Condition, ListEntry, Unusable, Upload};

/// How precisely to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsMode {
    /// By a list alone: the files of deltas count as large as the reference of their folder.
    Quick,
    /// One delta of each folder is asked, and stands for the others.
    Sampled,
    /// Every delta is asked.
    Detailed,
}

/// What a bucket holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Objects, as users know them.
    pub object_count: u64,
    /// The size of the files.
    pub total_bytes: u64,
    /// What is stored for them, with references.
    pub stored_bytes: u64,
    /// The objects that are stored as deltas.
    pub delta_objects: u64,
    /// The others.
    pub direct_objects: u64,
    /// What is there and could not be counted.
    pub unusable: Vec<Unusable>,
}

impl Stats {
    /// What deltas save; nothing where they cost.
    pub fn saved_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.stored_bytes)
    }

    /// The share of the files' size that is saved, from 0 to 1.
    pub fn saved_share(&self) -> f64 {
        if self.total_bytes == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 53 bits")]
        let share = self.saved_bytes() as f64 / self.total_bytes as f64;
        share
    }
}

impl DeltaGlider {
    /// Counts what the bucket holds, and leaves the result where DeltaGlider keeps it, unless something could not be
    /// counted. `bucket_name` is written there.
    pub async fn stats(&self, bucket_name: &str, mode: StatsMode) -> Result<Stats, DeltaGliderError> {
        let (entries, mut unusable) = self.stored_entries("").await?;
        let validation = (entries.len(), entries.iter().map(|entry| entry.size_bytes).sum::<u64>());
        let judged = match mode {
            StatsMode::Detailed => self.judge_all(entries, &mut unusable).await?,
            StatsMode::Sampled => {
                let sizes = self.sampled(&entries, &mut unusable).await?;
                guess(entries, &sizes)
            }
            StatsMode::Quick => {
                let sizes = reference_sizes(&entries);
                guess(entries, &sizes)
            }
        };
        let stats = Stats { unusable, ..count(&judged) };
        if stats.unusable.is_empty() {
            self.keep_stats(bucket_name, mode, &stats, validation).await?;
        }
        Ok(stats)
    }

    /// The size of one delta's file for each folder.
    async fn sampled(
        &self,
        entries: &[ListEntry],
        unusable: &mut Vec<Unusable>,
    ) -> Result<HashMap<String, u64>, DeltaGliderError> {
        let mut sizes = reference_sizes(entries);
        for folder in folders(entries) {
            let sample = entries.iter().find(|entry| is_delta_of(folder, entry));
            let Some(sample) = sample else { continue };
            match self.look(&sample.key).await {
                Ok(Some((_, Record::Delta(record)))) => {
                    sizes.insert(folder.to_owned(), record.file_size);
                }
                Ok(Some(_) | None) => {}
                Err(error) if error.is_of_one_object() => {
                    unusable.push(Unusable { key: sample.key.clone(), reason: chain(&error) });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(sizes)
    }

    async fn keep_stats(
        &self,
        bucket_name: &str,
        mode: StatsMode,
        stats: &Stats,
        (object_count, compressed_size): (usize, u64),
    ) -> Result<(), DeltaGliderError> {
        let mode = match mode {
            StatsMode::Quick => "quick",
            StatsMode::Sampled => "sampled",
            StatsMode::Detailed => "detailed",
        };
        let kept = json!({
            "version": "1.0",
            "mode": mode,
            "computed_at": format_time(self.clock.now()),
            "validation": { "object_count": object_count, "compressed_size": compressed_size },
            "stats": {
                "bucket": bucket_name,
                "object_count": stats.object_count,
                "total_size": stats.total_bytes,
                "compressed_size": stats.stored_bytes,
                "space_saved": stats.saved_bytes(),
                "average_compression_ratio": stats.saved_share(),
                "delta_objects": stats.delta_objects,
                "direct_objects": stats.direct_objects,
            },
        });
        let upload = Upload {
            content_type: Some("application/json".to_owned()),
            ..Upload::of(kept.to_string().into_bytes())
        };
        let key = format!("{INTERNAL_PREFIX}stats_{mode}.json");
        self.bucket.put(&key, upload, Condition::Always).await?;
        Ok(())
    }
}

fn is_delta_of(folder: &str, entry: &ListEntry) -> bool {
    entry.key.ends_with(DELTA_ENDING) && split(&entry.key).0 == folder
}

fn reference_sizes(entries: &[ListEntry]) -> HashMap<String, u64> {
    let references = entries.iter().filter(|entry| split(&entry.key).1 == REFERENCE_NAME);
    references.map(|entry| (split(&entry.key).0.to_owned(), entry.size_bytes)).collect()
}

/// Judges by names alone, with the size that the files of a folder have by `sizes`.
fn guess(entries: Vec<ListEntry>, sizes: &HashMap<String, u64>) -> Vec<(ListEntry, Judged)> {
    let references: HashMap<String, ()> =
        folders(&entries).into_iter().map(|folder| (reference_key(folder), ())).collect();
    let judge = |entry: ListEntry| {
        let size = sizes.get(split(&entry.key).0).filter(|_| entry.key.ends_with(DELTA_ENDING));
        let judged = match size {
            Some(file_bytes) => Judged::Delta { file_bytes: *file_bytes },
            None if references.contains_key(&entry.key) => Judged::Reference,
            None => Judged::Other,
        };
        (entry, judged)
    };
    entries.into_iter().map(judge).collect()
}

fn count(judged: &[(ListEntry, Judged)]) -> Stats {
    let mut stats = Stats::default();
    for (entry, judged) in judged {
        stats.stored_bytes += entry.size_bytes;
        match judged {
            Judged::Reference => {}
            Judged::Delta { file_bytes } => {
                stats.object_count += 1;
                stats.delta_objects += 1;
                stats.total_bytes += file_bytes;
            }
            Judged::Other => {
                stats.object_count += 1;
                stats.direct_objects += 1;
                stats.total_bytes += entry.size_bytes;
            }
        }
    }
    stats
}
