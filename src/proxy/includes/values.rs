//! What the commands of a request and of those made for it leave behind: variables, the groups of the last expression
//! that matched, blocks.

use crate::limits::{CONFIG_EXPRESSION_BYTES_MAX, SSI_INCLUDES_MAX, SSI_MEMORY_BYTES_MAX};
use crate::model::Pattern;

/// A command could not be carried out; what the log says of it.
pub type Refused = String;

/// All of them, in bounds.
#[derive(Debug, Default)]
pub struct Values {
    variables: Vec<(Box<[u8]>, Vec<u8>)>,
    /// The whole match and its groups.
    groups: Vec<Vec<u8>>,
    blocks: Vec<Block>,
    /// Bytes of variables and blocks, of the values that are no longer there too.
    used_bytes: usize,
    include_count: usize,
}

/// `block`.
#[derive(Debug)]
pub struct Block {
    name: Box<[u8]>,
    text: Vec<u8>,
}

impl Values {
    fn take_room(&mut self, bytes: usize) -> Result<(), Refused> {
        self.used_bytes = self.used_bytes.saturating_add(bytes);
        if self.used_bytes > SSI_MEMORY_BYTES_MAX {
            return Err("too large SSI variables and blocks".to_owned());
        }
        Ok(())
    }

    /// Gives a variable a value.
    pub fn set(&mut self, name: &[u8], value: Vec<u8>) -> Result<(), Refused> {
        self.take_room(name.len() + value.len())?;
        match self.variables.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = value,
            None => self.variables.push((name.into(), value)),
        }
        Ok(())
    }

    /// A variable is there from now on, without a value until it gets one.
    pub fn declare(&mut self, name: &[u8]) -> Result<(), Refused> {
        if self.find(name).is_some() { Ok(()) } else { self.set(name, Vec::new()) }
    }

    /// The value of a variable or group.
    pub fn find(&self, name: &[u8]) -> Option<&[u8]> {
        if let [digit @ b'0'..=b'9'] = name
            && let Some(group) = self.groups.get(usize::from(digit - b'0'))
        {
            return Some(group);
        }
        self.variables.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.as_slice())
    }

    /// Whether an expression matches; its groups have values then.
    pub fn matches(&mut self, expression: &[u8], subject: &[u8]) -> Result<bool, Refused> {
        let text = String::from_utf8_lossy(expression);
        let failed = |why: String| format!("pcre2_compile() failed: {why} in \"{}\"", expression.escape_ascii());
        if text.len() > CONFIG_EXPRESSION_BYTES_MAX {
            return Err(failed("regular expression is too large".to_owned()));
        }
        let regex = Pattern::compile(&text, false).map_err(|error| failed(error.to_string()))?;
        let found = regex.captures(subject).map_err(|error| format!("pcre2_match() failed: {error}"))?;
        let Some(found) = found else { return Ok(false) };
        let group = |at| found.get(at).map_or(&b""[..], |found| found.as_bytes()).to_vec();
        for (at, name) in regex.capture_names().enumerate() {
            if let Some(name) = name {
                self.set(name.to_ascii_lowercase().as_bytes(), group(at))?;
            }
        }
        // As with PCRE those behind the last that took part are not there.
        let count = (0..regex.captures_len()).rev().find(|at| found.get(*at).is_some()).map_or(0, |last| last + 1);
        self.groups = (0..count).map(group).collect();
        Ok(true)
    }

    pub fn begin_block(&mut self, name: Box<[u8]>) -> Result<(), Refused> {
        self.take_room(name.len())?;
        self.blocks.push(Block { name, text: Vec::new() });
        Ok(())
    }

    /// Appends to the block that began last.
    pub fn append_to_block(&mut self, text: &[u8]) -> Result<(), Refused> {
        self.take_room(text.len())?;
        if let Some(block) = self.blocks.last_mut() {
            block.text.extend_from_slice(text);
        }
        Ok(())
    }

    /// The place of the first block of a name.
    pub fn block(&self, name: &[u8]) -> Option<usize> {
        self.blocks.iter().position(|block| *block.name == *name)
    }

    pub fn block_text(&self, at: usize) -> Vec<u8> {
        self.blocks.get(at).map(|block| block.text.clone()).unwrap_or_default()
    }

    /// Takes note of one more include; whether there may be that many.
    pub fn count_include(&mut self) -> bool {
        self.include_count += 1;
        self.include_count <= SSI_INCLUDES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_before_variables_and_last_until_the_next_match() {
        let mut values = Values::default();
        assert_eq!(values.matches(b"a(b)?(?<Name>c)(d)?", b"xacy"), Ok(true));
        let found = |values: &Values, name: &str| values.find(name.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(found(&values, "0"), Some(b"ac".to_vec()));
        assert_eq!((found(&values, "1"), found(&values, "2")), (Some(Vec::new()), Some(b"c".to_vec())));
        assert_eq!((found(&values, "name"), found(&values, "3")), (Some(b"c".to_vec()), None));
        assert_eq!(values.matches(b"z", b"xacy"), Ok(false));
        assert_eq!(found(&values, "0"), Some(b"ac".to_vec()));
        assert!(values.matches(b"(", b"").is_err_and(|words| words.starts_with("pcre2_compile() failed: ")));
    }

    #[test]
    fn memory_has_a_bound() {
        let mut values = Values::default();
        for _ in 0..SSI_MEMORY_BYTES_MAX / 1024 - 1 {
            values.set(b"a", vec![b'x'; 1023]).unwrap();
        }
        values.begin_block((*b"b").into()).unwrap();
        values.append_to_block(&[b'x'; 1023]).unwrap();
        assert!(values.append_to_block(b"x").is_err() && values.set(b"c", Vec::new()).is_err());
        assert_eq!(values.block(b"b"), Some(0));
        assert_eq!(values.block_text(0).len(), 1023);
    }
}
