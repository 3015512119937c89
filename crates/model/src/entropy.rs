/// Where randomness comes from. The binary hands out the operating system's; tests hand out a counter.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with unpredictable bytes. Must not fail: without randomness the process cannot go on.
    fn fill(&self, bytes: &mut [u8]);
}
