//! The form of what points into data: JSONPath, reference paths, intrinsic functions, and JSONata's quotes and brackets.

/// A reader of one text, a character at a time.
struct Reader<'t> {
    rest: &'t str,
    /// Calls of intrinsic functions that are open.
    depth: usize,
}

/// Deepest nesting of intrinsic functions. Source: "Intrinsic functions", intrinsic-functions.html.
const DEPTH_MAX: usize = 10;

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, expected: &str) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn spaces(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Everything up to the closing bracket of one that is open, with what it holds in quotes and brackets.
    fn bracketed(&mut self) -> Option<&'t str> {
        let whole = self.rest;
        let mut open = vec![']'];
        let mut chars = whole.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '[' => open.push(']'),
                '(' => open.push(')'),
                '\'' | '"' => loop {
                    match chars.next()?.1 {
                        '\\' => drop(chars.next()),
                        end if end == c => break,
                        _ => {}
                    }
                },
                ']' | ')' => {
                    if open.pop() != Some(c) {
                        return None;
                    }
                    if open.is_empty() {
                        self.rest = &whole[at + 1..];
                        return Some(&whole[..at]);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// A path from its `$` on, as far as it goes. `one_place`: every step names one child (a reference path).
    fn path(&mut self, one_place: bool, ends: fn(char) -> bool) -> Option<()> {
        if !self.take("$") {
            return None;
        }
        // `$$` is the context object, `$name` a variable.
        if !self.take("$") {
            self.take_while(|c| c.is_alphanumeric() || c == '_');
        }
        loop {
            if self.take("[") {
                let step = self.bracketed()?.trim();
                let quoted =
                    step.len() > 2 && step.starts_with(['\'', '"']) && step.ends_with(['\'', '"']);
                let number = !step.is_empty() && step.chars().all(|c| c.is_ascii_digit());
                if step.is_empty() || one_place && !quoted && !number {
                    return None;
                }
                let bare = |c: char| c.is_ascii_digit() || " ,:-*".contains(c);
                if !quoted
                    && !step.starts_with('?')
                    && !step.starts_with('(')
                    && !step.starts_with('$')
                    && !step.chars().all(bare)
                {
                    return None;
                }
            } else if self.take("..") {
                let names =
                    self.take("*") || !self.name(ends).is_empty() || self.peek() == Some('[');
                if one_place || !names {
                    return None;
                }
            } else if self.take(".") {
                if self.peek() == Some('[') {
                    // `$.[0]` means `$[0]`.
                } else if self.take("*") {
                    if one_place {
                        return None;
                    }
                } else if self.name(ends).is_empty() || self.take("()") && one_place {
                    return None;
                }
            } else {
                return Some(());
            }
        }
    }

    fn name(&mut self, ends: fn(char) -> bool) -> &'t str {
        self.take_while(|c| !".[]()'\"*?@$".contains(c) && !ends(c))
    }

    /// One argument of an intrinsic function.
    fn argument(&mut self) -> Result<Argument, String> {
        self.spaces();
        match self.peek() {
            Some('\'') => {
                self.take("'");
                loop {
                    self.take_while(|c| c != '\'' && c != '\\');
                    if self.take("'") {
                        return Ok(Argument::Text);
                    }
                    // An escape, or the end without a closing quote.
                    let mut chars = self.rest.chars();
                    if chars.next().is_none() || chars.next().is_none() {
                        return Err("a text in single quotes has no end".to_owned());
                    }
                    self.rest = chars.as_str();
                }
            }
            Some('$') => match self.path(false, |c| c == ',' || c == ')') {
                Some(()) => Ok(Argument::Dynamic),
                None => Err(format!("a path in it is none, near {:?}", near(self.rest))),
            },
            Some('S') if self.depth == DEPTH_MAX => Err(format!(
                "functions stand in each other more than {DEPTH_MAX} deep"
            )),
            Some('S') => {
                self.depth += 1;
                self.call()?;
                self.depth -= 1;
                Ok(Argument::Dynamic)
            }
            Some(c) if c == '-' || c.is_ascii_digit() => {
                let number = self.take_while(|c| c.is_ascii_digit() || "+-.eE".contains(c));
                match number.parse::<f64>() {
                    Ok(_) => Ok(Argument::Number),
                    Err(_) => Err(format!("{number:?} is no number")),
                }
            }
            _ if ["true", "false", "null"].iter().any(|word| self.take(word)) => {
                Ok(Argument::Constant)
            }
            Some('"') => Err("texts in it stand in single quotes, not in double quotes".to_owned()),
            _ => Err(format!(
                "an argument is missing or is no path, number, text in single quotes or function, near {:?}",
                near(self.rest)
            )),
        }
    }

    /// `States.Name(argument, …)`.
    fn call(&mut self) -> Result<(), String> {
        let name = self.take_while(|c| c.is_alphanumeric() || c == '.');
        let Some((name, least, most)) = INTRINSICS.into_iter().find(|(known, ..)| *known == name)
        else {
            let known = INTRINSICS.iter().map(|(name, ..)| *name);
            let hint = crate::text::similar::did_you_mean(name, known);
            let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
            return Err(format!("{name:?} is no intrinsic function{hint}"));
        };
        if !self.take("(") {
            return Err(format!("{name} has no argument list in brackets"));
        }
        let mut arguments = Vec::new();
        self.spaces();
        if !self.take(")") {
            loop {
                arguments.push(self.argument()?);
                self.spaces();
                if self.take(")") {
                    break;
                }
                if !self.take(",") {
                    return Err(format!(
                        "the brackets of {name} do not close, near {:?}",
                        near(self.rest)
                    ));
                }
            }
        }
        let count = arguments.len();
        if count < least || count > most {
            let takes = match (least, most) {
                (least, most) if least == most => least.to_string(),
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) => format!("{least} to {most}"),
            };
            return Err(format!("{name} has {count} arguments; it takes {takes}"));
        }
        let numbers = matches!(
            name,
            "States.MathAdd" | "States.MathRandom" | "States.ArrayRange"
        );
        if numbers
            && arguments
                .iter()
                .any(|argument| matches!(argument, Argument::Text | Argument::Constant))
        {
            return Err(format!("{name} takes numbers, or paths to numbers"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    Text,
    Number,
    Constant,
    Dynamic,
}

/// The intrinsic functions, each with its fewest and most arguments. Source: "Intrinsic functions" in the Step
/// Functions Developer Guide, intrinsic-functions.html.
const INTRINSICS: [(&str, usize, usize); 18] = [
    ("States.Array", 0, usize::MAX),
    ("States.ArrayContains", 2, 2),
    ("States.ArrayGetItem", 2, 2),
    ("States.ArrayLength", 1, 1),
    ("States.ArrayPartition", 2, 2),
    ("States.ArrayRange", 3, 3),
    ("States.ArrayUnique", 1, 1),
    ("States.Base64Decode", 1, 1),
    ("States.Base64Encode", 1, 1),
    ("States.Format", 1, usize::MAX),
    ("States.Hash", 2, 2),
    ("States.JsonMerge", 3, 3),
    ("States.JsonToString", 1, 1),
    ("States.MathAdd", 2, 2),
    ("States.MathRandom", 2, 3),
    ("States.StringSplit", 2, 2),
    ("States.StringToJson", 1, 1),
    ("States.UUID", 0, 0),
];

fn near(text: &str) -> String {
    text.chars().take(20).collect()
}

/// Whether a text is a path: it begins at `$`, and each step has a name, an index or a filter.
pub(super) fn is_path(text: &str) -> bool {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    reader.path(false, |_| false).is_some() && reader.rest.is_empty()
}

/// Whether a text is a reference path: it names one place in the data, so something can be written there.
pub(super) fn is_reference_path(text: &str) -> bool {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    let of_data = text == "$" || text.starts_with("$.") || text.starts_with("$[");
    of_data && reader.path(true, |_| false).is_some() && reader.rest.is_empty()
}

/// What is wrong with a text that must be a path or an intrinsic function.
pub(super) fn dynamic(text: &str) -> Result<(), String> {
    if text.starts_with('$') {
        return match is_path(text) {
            true => Ok(()),
            false => Err("is no path".to_owned()),
        };
    }
    if !text.starts_with("States.") {
        return Err("is neither a path (it begins with $) nor an intrinsic function (it begins with States.)".to_owned());
    }
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    reader.call()?;
    match reader.rest.trim().is_empty() {
        true => Ok(()),
        false => Err(format!(
            "goes on after its end, with {:?}",
            near(reader.rest)
        )),
    }
}

/// What is wrong with a text that could be a JSONata expression between `{%` and `%}`; `None` where it is none.
pub(super) fn expression(text: &str) -> Option<Result<(), String>> {
    match (
        text.starts_with("{%"),
        text.ends_with("%}") && text.len() >= 4,
    ) {
        (false, false) => None,
        (true, true) => Some(balanced(&text[2..text.len() - 2])),
        (true, false) => Some(Err("begins with {% and does not end with %}".to_owned())),
        (false, true) => Some(Err("ends with %} and does not begin with {%".to_owned())),
    }
}

/// Quotes and brackets of a JSONata expression close in order, and it neither is empty nor ends in an operator.
fn balanced(expression: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut last = None;
    let mut chars = expression.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' | '`' => loop {
                match chars.next() {
                    None => return Err(format!("a text in it that {c} begins has no end")),
                    Some('\\') if c != '`' => drop(chars.next()),
                    Some(end) if end == c => break,
                    Some(_) => {}
                }
            },
            '/' if chars.peek() == Some(&'*') => {
                let mut before = ' ';
                loop {
                    match chars.next() {
                        None => return Err("a comment in it has no end".to_owned()),
                        Some('/') if before == '*' => break,
                        Some(c) => before = c,
                    }
                }
                continue;
            }
            // A regular expression stands where a value would: after an operator, a comma or an open bracket.
            // It ends at a slash outside of its own brackets, as JSONata's own reader has it.
            '/' if last.is_none_or(|last| "(,[{=:;?&|~>".contains(last)) => {
                let mut depth = 0;
                loop {
                    match chars.next() {
                        None => return Err("a regular expression in it has no end".to_owned()),
                        Some('\\') => drop(chars.next()),
                        Some('(' | '[' | '{') => depth += 1,
                        Some(')' | ']' | '}') => depth -= 1,
                        Some('/') if depth == 0 => break,
                        Some(_) => {}
                    }
                }
            }
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => {
                return Err(format!("has a {c} that closes nothing"));
            }
            _ => {}
        }
        if !c.is_whitespace() {
            last = Some(c);
        }
    }
    match (open.pop(), last) {
        (Some(missing), _) => Err(format!("lacks a closing {missing}")),
        (None, None) => Err("is an empty expression".to_owned()),
        (None, Some(last)) if ".+-&=<>!?:,~@#^".contains(last) => Err(format!(
            "ends with {last}, after which something is missing"
        )),
        _ => Ok(()),
    }
}
