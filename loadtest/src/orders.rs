//! The lines between the process that measures and the processes that make the load: a word and `key=value` pairs.
//!
//! Text only, so that a run can be followed with a terminal. Values hold no blanks; texts have them escaped.

use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pub word: String,
    fields: Vec<(String, String)>,
}

impl Line {
    pub fn new(word: &str) -> Self {
        Self { word: word.to_owned(), fields: Vec::new() }
    }

    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        let value = value.to_string().replace('%', "%25").replace(' ', "%20").replace('\n', "%0a");
        self.fields.push((key.to_owned(), value));
        self
    }

    pub fn text(&self, key: &str) -> Option<String> {
        let value = self.fields.iter().find(|(known, _)| known == key).map(|(_, value)| value)?;
        Some(value.replace("%0a", "\n").replace("%20", " ").replace("%25", "%"))
    }

    /// A number that the other side must have written.
    pub fn number<N: FromStr>(&self, key: &str) -> Result<N, String> {
        let text = self.text(key).ok_or_else(|| format!("`{}` without {key}", self.word))?;
        text.parse().map_err(|_| format!("`{}` with {key}={text}, which is no number", self.word))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.word)?;
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let mut line = Self::new(words.next().unwrap_or(""));
        let pairs = words.filter_map(|word| word.split_once('='));
        line.fields = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_went() {
        let line = Line::new("done").with("ok", 5).with("why", "status 502\nBad 100% Gateway");
        let back = Line::from(line.to_string().as_str());
        assert_eq!(back, line);
        assert_eq!(back.number::<u32>("ok"), Ok(5));
        assert_eq!(back.text("why").as_deref(), Some("status 502\nBad 100% Gateway"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let line = Line::from("done ok=x");
        assert_eq!(line.number::<u32>("failed"), Err("`done` without failed".to_owned()));
        assert!(line.number::<u32>("ok").is_err_and(|text| text.contains("no number")));
    }
}
