//! What a command is called, which parameters it takes, and what is wrong with it if it has others.

use std::fmt;

use crate::limits::SSI_PARAMETERS_MAX;

/// A command as it stands in a document, values as they are between their quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    pub name: Vec<u8>,
    /// One more than [`SSI_PARAMETERS_MAX`] stands for any number beyond that.
    pub parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
}

/// The commands that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Include,
    Echo,
    Config,
    Set,
    If,
    Elif,
    Else,
    Endif,
    Block,
    Endblock,
}

/// Their names with their parameters, and whether those must be there.
type Entry = (&'static str, Known, &'static [(&'static str, bool)]);

const COMMANDS: [Entry; 10] = [
    (
        "include",
        Known::Include,
        &[("virtual", false), ("file", false), ("wait", false), ("set", false), ("stub", false)],
    ),
    ("echo", Known::Echo, &[("var", true), ("default", false), ("encoding", false)]),
    ("config", Known::Config, &[("errmsg", false), ("timefmt", false)]),
    ("set", Known::Set, &[("var", true), ("value", true)]),
    ("if", Known::If, &[("expr", true)]),
    ("elif", Known::Elif, &[("expr", true)]),
    ("else", Known::Else, &[]),
    ("endif", Known::Endif, &[]),
    ("block", Known::Block, &[("name", true)]),
    ("endblock", Known::Endblock, &[]),
];

impl Command {
    /// Which command it is.
    #[must_use]
    pub fn known(&self) -> Option<Known> {
        COMMANDS.iter().find(|(name, ..)| name.as_bytes() == self.name).map(|(_, known, _)| *known)
    }

    /// The value of a parameter; `None` where it does not stand.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|parameter| parameter.name == name.as_bytes()).map(|parameter| &*parameter.value)
    }

    /// Checks that it has the parameters of that command.
    ///
    /// # Errors
    /// What is wrong with them, for the log.
    pub fn check(&self, known: Known) -> Result<(), String> {
        let name = self.name.escape_ascii();
        if self.parameters.len() > SSI_PARAMETERS_MAX {
            return Err(format!("too many SSI command parameters: \"{name}\""));
        }
        let taken = COMMANDS.iter().find(|(_, command, _)| *command == known).map_or(&[][..], |(.., taken)| taken);
        for (at, parameter) in self.parameters.iter().enumerate() {
            let shown = parameter.name.escape_ascii();
            if !taken.iter().any(|(name, _)| name.as_bytes() == parameter.name) {
                return Err(format!("invalid parameter name: \"{shown}\" in \"{name}\" SSI command"));
            }
            if self.parameters[..at].iter().any(|earlier| earlier.name == parameter.name) {
                return Err(format!("duplicate \"{shown}\" parameter in \"{name}\" SSI command"));
            }
        }
        match taken.iter().find(|(name, is_mandatory)| *is_mandatory && self.value(name).is_none()) {
            Some((absent, _)) => Err(format!("mandatory \"{absent}\" parameter is absent in \"{name}\" SSI command")),
            None => Ok(()),
        }
    }

    /// Appends it as text that reads as the same command.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<!--#");
        out.extend_from_slice(&self.name);
        for Parameter { name, value } in &self.parameters {
            out.push(b' ');
            out.extend_from_slice(name);
            out.extend_from_slice(b"=\"");
            out.extend_from_slice(value);
            out.push(b'"');
        }
        out.extend_from_slice(b" -->");
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.escape_ascii().fmt(f)
    }
}
