//! Finds the lines of a head while its bytes arrive, each byte looked at once however they are cut, and keeps nginx's
//! bounds: a line must fit into what is left of the present buffer or into a fresh large one, and large ones are
//! counted. No buffer of that kind exists here; the arithmetic is the bound.

use std::ops::Range;

/// A line is longer than a large buffer, or there are more lines than the buffers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded;

/// Where in a growing buffer the scan stands.
#[derive(Debug, Clone)]
pub struct LineScanner {
    line_at: usize,
    scanned_bytes: usize,
    room_bytes: usize,
    large_bytes: usize,
    large_count: usize,
}

impl LineScanner {
    /// `first_bytes` hold the first lines, then `large_count` buffers of `large_bytes` each.
    #[must_use]
    pub fn new(first_bytes: usize, large_bytes: usize, large_count: usize) -> Self {
        Self { line_at: 0, scanned_bytes: 0, room_bytes: first_bytes, large_bytes, large_count }
    }

    /// Where the next line begins.
    #[must_use]
    pub fn position(&self) -> usize {
        self.line_at
    }

    /// The part of the present line that was there at the last look.
    #[must_use]
    pub fn scanned(&self) -> usize {
        self.scanned_bytes
    }

    /// What stands from there on, as far as it keeps every bound because it fits into the room that is left; `None` once
    /// something of it was looked at.
    #[must_use]
    pub fn in_room<'b>(&self, buf: &'b [u8], from: usize) -> Option<&'b [u8]> {
        let rest = buf.get(from..).filter(|_| self.scanned_bytes == from)?;
        Some(&rest[..rest.len().min(self.room_bytes)])
    }

    /// The next whole line with its end; `None` until it is there. `buf` is the same buffer each time, only longer.
    ///
    /// # Errors
    /// A bound is passed, as early as that can be known.
    pub fn next(&mut self, buf: &[u8]) -> Result<Option<Range<usize>>, Exceeded> {
        let unseen = buf.get(self.scanned_bytes..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            self.scanned_bytes = buf.len().max(self.scanned_bytes);
            let line_bytes = self.scanned_bytes - self.line_at;
            let is_full = line_bytes >= self.room_bytes && line_bytes > 0;
            return match is_full && (self.large_count == 0 || line_bytes >= self.large_bytes) {
                true => Err(Exceeded),
                false => Ok(None),
            };
        };
        let end = self.scanned_bytes + at + 1;
        let line = self.line_at..end;
        self.charge(line.len())?;
        self.line_at = end;
        self.scanned_bytes = end;
        Ok(Some(line))
    }

    fn charge(&mut self, line_bytes: usize) -> Result<(), Exceeded> {
        if line_bytes <= self.room_bytes {
            self.room_bytes -= line_bytes;
            return Ok(());
        }
        if self.large_count == 0 || line_bytes > self.large_bytes {
            return Err(Exceeded);
        }
        self.large_count -= 1;
        self.room_bytes = self.large_bytes - line_bytes;
        Ok(())
    }
}

/// A line without `\n` or `\r\n`.
#[must_use]
pub fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], mut scanner: LineScanner) -> Result<usize, Exceeded> {
        let mut count = 0;
        while scanner.next(text)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let text = b"GET / HTTP/1.1\r\nA: b\n\r\n";
        let mut scanner = LineScanner::new(100, 100, 1);
        let mut found = Vec::new();
        for end in 0..=text.len() {
            while let Some(line) = scanner.next(&text[..end]).unwrap() {
                found.push(without_end(&text[line]));
            }
        }
        assert_eq!(found, [b"GET / HTTP/1.1".as_slice(), b"A: b", b""]);
    }

    #[test]
    fn a_line_fits_into_the_room_left_or_a_large_buffer() {
        // 8 + 8 bytes: the second line of 8 needs the large buffer.
        assert_eq!(lines(b"1234567\n1234567\n", LineScanner::new(8, 8, 1)), Ok(2));
        assert_eq!(lines(b"1234567\n1234567\n", LineScanner::new(15, 8, 1)), Ok(2));
        assert_eq!(lines(b"1234567\n1234567\n", LineScanner::new(15, 8, 0)), Err(Exceeded));
        assert_eq!(lines(b"1234567\n123456789\n", LineScanner::new(8, 9, 3)), Err(Exceeded));
        assert_eq!(lines(b"12345678", LineScanner::new(4, 8, 3)), Err(Exceeded));
        assert_eq!(lines(b"1234567", LineScanner::new(4, 8, 3)), Ok(0));
        assert_eq!(lines(b"1234567", LineScanner::new(4, 8, 0)), Err(Exceeded));
    }
}
