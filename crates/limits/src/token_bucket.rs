use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use casemate_model::Timestamp;

use crate::quota::micros;
use crate::{Quota, Verdict};

/// Keys that share one place of the table. A key is looked for in one place only, so a look is one or four cache lines.
const WAYS: usize = 16;

/// A place: what tells its keys apart, then the state of each.
const WORDS: usize = 2 * WAYS;

/// Parts of the table that are locked by themselves.
const SHARDS: usize = 64;

/// A token bucket per key for many keys, in bounded memory: 16 bytes a key, which are taken from the system only as they
/// are used.
///
/// Of a key only a keyed hash of 64 bits is kept, under a secret of this process. Two of a million keys share one with a
/// chance of about 1 in 40 million, and nobody can look for two that do. Where a place is full, the key in it that is
/// nearest to a full bucket makes room: mostly one whose bucket is full again, which changes nothing for it. A flood of
/// keys therefore neither grows memory nor locks newcomers out, and a key that has used much is the last to be forgotten.
pub struct TokenBuckets {
    hasher: RandomState,
    shards: Box<[Mutex<Box<[u64]>>]>,
    evicted: AtomicU64,
}

impl TokenBuckets {
    /// Makes full buckets for at least `keys_max` keys; few of them are forgotten before there are half as many.
    pub fn new(keys_max: usize) -> Self {
        let places = keys_max.div_ceil(WAYS * SHARDS).next_power_of_two();
        // Zeroed memory comes from the system as it is touched.
        let shard = || Mutex::new(vec![0_u64; places * WORDS].into_boxed_slice());
        let shards = (0..SHARDS).map(|_| shard()).collect();
        Self { hasher: RandomState::new(), shards, evicted: AtomicU64::new(0) }
    }

    /// Takes `cost` tokens from the bucket of `key`, or none of them.
    pub fn take<K: Hash>(&self, key: &K, quota: Quota, cost: u32, now: Timestamp) -> Verdict {
        let (hash, now_us) = (self.hash(key), micros(now));
        let mut shard = self.shard(hash);
        let (hashes, arrivals) = place(&mut shard, hash);
        let way = match hashes.iter().position(|kept| *kept == hash) {
            Some(way) => way,
            None => {
                let way = fullest(arrivals);
                if arrivals[way] > now_us {
                    self.evicted.fetch_add(1, Ordering::Relaxed);
                }
                (hashes[way], arrivals[way]) = (hash, 0);
                way
            }
        };
        quota.take(&mut arrivals[way], cost, now_us)
    }

    /// What [`TokenBuckets::take`] would say, without taking anything.
    pub fn look<K: Hash>(&self, key: &K, quota: Quota, cost: u32, now: Timestamp) -> Verdict {
        let hash = self.hash(key);
        let mut shard = self.shard(hash);
        let (hashes, arrivals) = place(&mut shard, hash);
        let mut arrival_us = hashes.iter().position(|kept| *kept == hash).map_or(0, |way| arrivals[way]);
        quota.take(&mut arrival_us, cost, micros(now))
    }

    /// Keys whose bucket is not full. Walks over the whole table.
    pub fn active(&self, now: Timestamp) -> usize {
        let now_us = micros(now);
        let of_place = |words: &[u64]| words[WAYS..].iter().filter(|arrival| **arrival > now_us).count();
        self.shards.iter().map(|shard| locked(shard).chunks_exact(WORDS).map(of_place).sum::<usize>()).sum()
    }

    /// Keys that were forgotten before their bucket was full again, since the start.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// The most memory that the buckets ever take.
    pub fn bytes_max(&self) -> usize {
        self.shards.iter().map(|shard| size_of_val(&**locked(shard)) + size_of_val(shard)).sum()
    }

    fn hash<K: Hash>(&self, key: &K) -> u64 {
        // Zero marks a free way.
        self.hasher.hash_one(key).max(1)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Box<[u64]>> {
        let index = usize::try_from(hash >> 58).expect("six bits");
        locked(&self.shards[index])
    }
}

fn locked(shard: &Mutex<Box<[u64]>>) -> MutexGuard<'_, Box<[u64]>> {
    shard.lock().expect("nothing panics while it holds the lock")
}

/// The only place that a key with this hash can be in.
fn place(shard: &mut [u64], hash: u64) -> (&mut [u64], &mut [u64]) {
    let places = shard.len() / WORDS;
    let index = usize::try_from(hash & 0xffff_ffff).expect("32 bits") & (places - 1);
    shard[index * WORDS..(index + 1) * WORDS].split_at_mut(WAYS)
}

/// The way whose bucket is fullest, a free one first.
fn fullest(arrivals: &[u64]) -> usize {
    let (mut best, mut least) = (0, u64::MAX);
    for (way, arrival) in arrivals.iter().enumerate() {
        if *arrival < least {
            (best, least) = (way, *arrival);
        }
    }
    best
}

impl std::fmt::Debug for TokenBuckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenBuckets").field("evicted", &self.evicted()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
