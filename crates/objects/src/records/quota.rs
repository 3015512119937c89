//! What a project may hold.

/// The most that the buckets of a project may hold together: objects, older versions and marks of deletion, and their bytes
/// and those of unfinished uploads before any sharing. What others store, and how well it packs, makes no difference to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProjectQuota {
    /// Objects and versions; `None` for any number.
    pub objects_max: Option<u64>,
    /// Their bytes; `None` for any number.
    pub bytes_max: Option<u64>,
}

impl ProjectQuota {
    /// Whether it limits anything.
    pub fn limits_anything(&self) -> bool {
        self.objects_max.is_some() || self.bytes_max.is_some()
    }

    /// What is too much, if `growth` objects and bytes come to what there is. What makes nothing grow is never too much.
    pub fn refuses(&self, usage: &ProjectUsage, growth: (u64, u64)) -> Option<OverQuota> {
        let over = |what, used: u64, more: u64, max: Option<u64>| {
            let max = max.filter(|max| more > 0 && used.saturating_add(more) > *max)?;
            Some(OverQuota { what, used, more, max })
        };
        let objects = over("objects and versions", usage.objects, growth.0, self.objects_max);
        objects.or_else(|| over("bytes", usage.bytes, growth.1, self.bytes_max))
    }
}

/// What the buckets of a project hold, as quotas count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProjectUsage {
    /// Objects, older versions and marks of deletion.
    pub objects: u64,
    /// Their bytes and those of unfinished uploads, before any sharing.
    pub bytes: u64,
    /// How many of these bytes are parts of unfinished uploads.
    pub upload_bytes: u64,
}

/// What a quota refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// What there would be too much of.
    pub what: &'static str,
    /// What there is.
    pub used: u64,
    /// What was to come to it.
    pub more: u64,
    /// The most there may be.
    pub max: u64,
}
