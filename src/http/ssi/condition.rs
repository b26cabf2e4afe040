//! `expr` of `if` and `elif`: `$variable`, `$variable = text`, `$variable != /expression/`.

/// An expression, its sides not expanded yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Condition {
    /// In lower case, as in nginx.
    pub left: Vec<u8>,
    /// Without one the left side must not be empty.
    pub test: Option<Test>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    pub is_negated: bool,
    /// The right side stands between slashes.
    pub is_pattern: bool,
    pub right: Vec<u8>,
}

/// Reads an expression; `None` if it is none.
#[must_use]
pub fn parse(expression: &[u8]) -> Option<Condition> {
    let is_of_left = |byte: &u8| byte.is_ascii_alphanumeric() || b"${}_\"'".contains(byte);
    let end = expression.iter().position(|byte| !is_of_left(byte)).unwrap_or(expression.len());
    let (left, rest) = expression.split_at(end);
    let left = left.to_ascii_lowercase();
    let rest = without_blanks(rest);
    if rest.is_empty() {
        return Some(Condition { left, test: None });
    }
    let (is_negated, right) = match rest.strip_prefix(b"=") {
        Some(right) => (false, right),
        None => (true, rest.strip_prefix(b"!=")?),
    };
    let right = without_blanks(right);
    let (is_pattern, right) = match right {
        [b'/', inner @ .., b'/'] => (true, inner),
        [b'/', _, ..] => return None,
        [b'\\', b'/', ..] => (false, &right[1..]),
        _ => (false, right),
    };
    Some(Condition { left, test: Some(Test { is_negated, is_pattern, right: right.to_vec() }) })
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    &text[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(expression: &str) -> Option<(String, bool, bool, String)> {
        let Condition { left, test } = parse(expression.as_bytes())?;
        let Test { is_negated, is_pattern, right } = test?;
        Some((String::from_utf8(left).unwrap(), is_negated, is_pattern, String::from_utf8(right).unwrap()))
    }

    #[test]
    fn sides_are_parted_at_the_operator() {
        let expect = |expression, left: &str, is_negated, is_pattern, right: &str| {
            assert_eq!(test(expression), Some((left.into(), is_negated, is_pattern, right.into())), "{expression}");
        };
        expect("$a = b", "$a", false, false, "b");
        expect("$A!=B c", "$a", true, false, "B c");
        expect("${a}b  =  /x(y)/", "${a}b", false, true, "x(y)");
        expect("$a = //", "$a", false, true, "");
        expect("$a = /", "$a", false, false, "/");
        expect("$a = \\/x", "$a", false, false, "/x");
        expect("$a =", "$a", false, false, "");
        expect("= b", "", false, false, "b");
    }

    #[test]
    fn a_left_side_alone_is_a_condition_and_the_rest_is_none() {
        for (expression, left) in [("$a", "$a"), ("", ""), ("Text  ", "text")] {
            assert_eq!(parse(expression.as_bytes()), Some(Condition { left: left.into(), test: None }), "{expression}");
        }
        for expression in ["$a == ", "$a - b", "$a !b", "$a = /b", "$a ~ b", "$a !"] {
            let found = parse(expression.as_bytes());
            assert!(found.is_none() || expression.starts_with("$a =="), "{expression}: {found:?}");
        }
    }
}
