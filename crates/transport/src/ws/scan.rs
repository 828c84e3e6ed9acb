//! Watches the bytes of a client's frames go by: where frames end, and that they are masked (RFC 6455 §5.1), which the
//! frame parser does not check.

/// Where in a frame the next byte stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scanner {
    header: [u8; 14],
    /// How many bytes of the header are there.
    have: usize,
    /// How many bytes of payload are still to come.
    payload: u64,
    /// How many frames have gone by whole.
    frames: u64,
}

/// A client's frame without a mask.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unmasked;

impl Scanner {
    /// How many frames have gone by whole.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// How many bytes of a frame's payload are still to come, where its header is there.
    pub(crate) fn left(&self) -> u64 {
        self.payload
    }

    /// Whether the next byte begins a frame.
    pub(crate) fn at_boundary(&self) -> bool {
        self.have == 0 && self.payload == 0
    }

    /// Takes the next bytes.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Unmasked> {
        while !bytes.is_empty() {
            let passed = self.pass_frame(bytes)?;
            bytes = &bytes[passed..];
        }
        Ok(())
    }

    /// Takes the next bytes to the end of a frame at most, and tells how many they were.
    pub(crate) fn pass_frame(&mut self, bytes: &[u8]) -> Result<usize, Unmasked> {
        let (mut passed, before) = (0, self.frames);
        while passed < bytes.len() && self.frames == before {
            if self.payload > 0 {
                let left = bytes.len() - passed;
                let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(left);
                self.payload -= skipped as u64;
                passed += skipped;
                self.frames += u64::from(self.payload == 0);
            } else {
                self.header[self.have] = bytes[passed];
                self.have += 1;
                passed += 1;
                if self.have >= 2 {
                    self.header_byte()?;
                }
            }
        }
        Ok(passed)
    }

    fn header_byte(&mut self) -> Result<(), Unmasked> {
        if self.header[1] & 0x80 == 0 {
            return Err(Unmasked);
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.have == 2 + extended + 4 {
            let length = &self.header[2..2 + extended];
            self.payload = match extended {
                0 => u64::from(self.header[1] & 0x7f),
                _ => length.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
            };
            self.have = 0;
            self.frames += u64::from(self.payload == 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(length: usize) -> Vec<u8> {
        let mut frame = vec![0x81];
        match length {
            0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(0x80 | 0x7e);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 0x7f);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(std::iter::repeat_n(0xff, length));
        frame
    }

    /// However the bytes are cut, the scanner knows how many frames went by and whether one is half there.
    #[test]
    fn frames_are_counted_at_any_cut() {
        let lengths = [0, 1, 125, 126, 300, 70_000, 0];
        let bytes: Vec<u8> = lengths.into_iter().flat_map(masked).collect();
        for step in [1, 2, 3, 7, 1000, bytes.len()] {
            let mut scanner = Scanner::default();
            for part in bytes.chunks(step) {
                scanner.pass(part).unwrap();
            }
            assert_eq!((scanner.frames(), scanner.at_boundary()), (lengths.len() as u64, true));
            scanner.pass(&masked(5)[..4]).unwrap();
            assert!(!scanner.at_boundary());
        }
    }

    #[test]
    fn a_frame_without_a_mask_is_refused() {
        assert_eq!(Scanner::default().pass(&[0x81, 0x01, b'x']), Err(Unmasked));
    }
}
