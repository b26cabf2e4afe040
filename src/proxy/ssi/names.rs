//! The variables that commands may name, and the dates in the form of their page.

use std::ffi::CString;

use crate::limits::SSI_DATE_BYTES_MAX;
use crate::model::Variable;
use crate::observe::clock;
use crate::proxy::exchange::Exchange;
use crate::proxy::includes::{Refused, TIME_FORM};
use crate::sys;

impl Exchange<'_> {
    /// Appends the value of the variable of that name, in lower case; whether there is one.
    pub(super) fn append_named(&self, name: &[u8], out: &mut Vec<u8>) -> Result<bool, Refused> {
        if let Some(value) = self.includes.as_ref().and_then(|includes| includes.values.find(name)) {
            out.extend_from_slice(value);
            return Ok(true);
        }
        match self.shard.generation.serving.variable_names.find(name) {
            Some(date @ (Variable::DateLocal | Variable::DateGmt)) => {
                let is_there = self.append(&date, out);
                if is_there { Ok(true) } else { Err("the time has no text in the form of \"timefmt\"".to_owned()) }
            }
            Some(variable) => Ok(self.append(&variable, out)),
            None => Ok(false),
        }
    }

    /// `$date_local` and `$date_gmt`.
    pub(in crate::proxy) fn append_date(&self, is_local: bool, out: &mut Vec<u8>) -> bool {
        let page = self.includes.as_ref().and_then(|includes| includes.page.as_ref());
        let form = page.map_or(TIME_FORM, |page| &page.time_form);
        let now = clock::unix_seconds();
        if form == b"%s" {
            out.extend_from_slice(now.to_string().as_bytes());
            return true;
        }
        let form = form.split(|byte| *byte == 0).next().unwrap_or_default();
        let Ok(form) = CString::new(form) else { return false };
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        match sys::time::formatted(now, &form, is_local, SSI_DATE_BYTES_MAX) {
            Some(text) => {
                out.extend_from_slice(&text);
                true
            }
            None => false,
        }
    }
}
