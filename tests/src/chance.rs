//! Chance that can be had again.

/// A small generator of its own, so that a failing run can be had again by its seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins with a seed, which is not 0.
    pub fn new(seed: u64) -> Self {
        assert_ne!(seed, 0, "it would stay 0");
        // Small seeds differ in a few bits only: mixed, they begin far apart.
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        chance.below(1);
        chance
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
