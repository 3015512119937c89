use std::collections::HashMap;
use std::sync::Arc;

use super::{Code, CodeKey};

/// Code in memory, bounded by size; what was not used for longest goes first.
pub(super) struct Memory {
    bytes_max: u64,
    bytes: u64,
    uses: u64,
    entries: HashMap<CodeKey, Entry>,
}

struct Entry {
    code: Arc<Code>,
    used: u64,
}

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: 0, uses: 0, entries: HashMap::new() }
    }

    pub(super) fn get(&mut self, key: &CodeKey) -> Option<Arc<Code>> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.code))
    }

    pub(super) fn put(&mut self, key: CodeKey, code: Arc<Code>) {
        self.remove(&key);
        let size = code.bytes.len();
        if size > self.bytes_max {
            return;
        }
        while self.bytes + size > self.bytes_max {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            self.remove(&oldest.expect("bytes are held, so there is an entry"));
        }
        self.uses += 1;
        self.bytes += size;
        self.entries.insert(key, Entry { code, used: self.uses });
    }

    fn remove(&mut self, key: &CodeKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.code.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casemate_fs::SealedBytes;

    fn code(len: usize) -> Arc<Code> {
        let bytes = SealedBytes::from_bytes(&vec![7; len]).unwrap();
        Arc::new(Code { bytes, needs: crate::cache::Needs::default() })
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let key = |byte| CodeKey([byte; 32]);
        let mut memory = Memory::new(10);
        memory.put(key(1), code(4));
        memory.put(key(2), code(4));
        assert!(memory.get(&key(1)).is_some());
        memory.put(key(3), code(4));
        let held: Vec<_> = (1..=3).map(|byte| memory.get(&key(byte)).is_some()).collect();
        assert_eq!(held, [true, false, true]);
        memory.put(key(4), code(11));
        assert!(memory.get(&key(4)).is_none());
        assert_eq!(memory.bytes, 8);
    }
}
