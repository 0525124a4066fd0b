//! Patterns of IAM policies and their statements, compared as texts: a pattern may be wider than another, or meet it in part.
//! Conditions are not weighed.

use serde_json::Value;

/// What part of everything that a pattern matches a list of patterns takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Share {
    None,
    Some,
    All,
}

/// An element of a statement: these, or all but these.
pub(super) struct Patterns<'a> {
    pub(super) list: Vec<&'a str>,
    pub(super) but: bool,
}

impl<'a> Patterns<'a> {
    fn of(statement: &'a Value, key: &str) -> Self {
        let but = statement.get(format!("Not{key}"));
        Self {
            list: texts(but.or_else(|| statement.get(key))),
            but: but.is_some(),
        }
    }

    pub(super) fn part_of(&self, pattern: &str, same: impl Fn(&str) -> String) -> Share {
        let pattern = same(pattern);
        let each = self.list.iter().map(|own| {
            let own = same(own);
            // A variable stands for a text that is known only in the call.
            let vague = own.contains("${");
            match (covers(&own, &pattern), overlap(&own, &pattern)) {
                (true, _) if !vague => Share::All,
                (_, false) => Share::None,
                _ => Share::Some,
            }
        });
        let part = each.max().unwrap_or(Share::None);
        match (self.but, part) {
            (false, part) => part,
            (true, Share::None) => Share::All,
            (true, Share::Some) => Share::Some,
            (true, Share::All) => Share::None,
        }
    }
}

pub(super) struct Statement<'a> {
    /// Where it stands: a JSON pointer.
    pub(super) place: String,
    /// From 1.
    pub(super) number: usize,
    pub(super) sid: Option<&'a str>,
    pub(super) allows: bool,
    pub(super) actions: Patterns<'a>,
    pub(super) resources: Patterns<'a>,
    /// Of a trust policy: who may assume the role.
    pub(super) principal: Option<&'a Value>,
    condition: Option<&'a Value>,
}

/// The statements of a policy. A document with one may do without the list.
pub(super) fn statements(policy: &Value) -> Vec<Statement<'_>> {
    let (all, single) = match policy.get("Statement") {
        Some(Value::Array(all)) => (all.as_slice(), false),
        Some(one) => (std::slice::from_ref(one), true),
        None => (&[][..], false),
    };
    let read = all.iter().enumerate().map(|(index, statement)| Statement {
        place: match single {
            true => "/Statement".to_owned(),
            false => format!("/Statement/{index}"),
        },
        number: index + 1,
        sid: statement.get("Sid").and_then(Value::as_str),
        allows: statement.get("Effect").and_then(Value::as_str) == Some("Allow"),
        actions: Patterns::of(statement, "Action"),
        resources: Patterns::of(statement, "Resource"),
        principal: statement.get("Principal"),
        condition: statement.get("Condition"),
    });
    read.collect()
}

impl Statement<'_> {
    pub(super) fn part_of(&self, action: &str, resource: &str) -> Share {
        let actions = self.actions.part_of(action, str::to_lowercase);
        actions.min(self.resources.part_of(resource, str::to_owned))
    }
}

/// Whether a boundary lets no part of a right through, whatever the conditions.
pub(super) fn never(boundary: &[Statement<'_>], action: &str, resource: &str) -> bool {
    let mut reached = false;
    for statement in boundary {
        match (statement.allows, statement.part_of(action, resource)) {
            (true, Share::Some | Share::All) => reached = true,
            (false, Share::All) if statement.condition.is_none() => return true,
            _ => {}
        }
    }
    !reached
}

/// Whether some text is matched by both patterns. A variable may stand for any text.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (without_variables(a), without_variables(b));
    let wild = |c: char| matches!(c, '*' | '?');
    match (a.contains(wild), b.contains(wild)) {
        (false, false) => return a == b,
        (true, false) => return covers(&a, &b),
        (false, true) => return covers(&b, &a),
        (true, true) => {}
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // What the ends of both, from each pair of places on, have in common; the last row and column are the ends.
    let mut below: Vec<bool> = Vec::new();
    for i in (0..=a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        for j in (0..=b.len()).rev() {
            let (left, right) = (a.get(i), b.get(j));
            let down = i < a.len() && below[j];
            let along = j < b.len() && row[j + 1];
            row[j] = match (left, right) {
                (None, None) => true,
                (Some('*'), _) | (_, Some('*')) => down || along,
                (Some(l), Some(r)) => (l == r || *l == '?' || *r == '?') && below[j + 1],
                _ => false,
            };
        }
        below = row;
    }
    below[0]
}

/// A pattern with `*` in the place of each of IAM's variables (`${aws:username}`).
fn without_variables(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((_, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        out.push('*');
        rest = after;
    }
    out + rest
}

/// What a boundary withholds of a statement for certain. A statement that lists several actions and several resources
/// pairs each with each, and most pairs mean nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Withheld<'a> {
    /// Actions that the boundary lets through on none of the statement's resources.
    pub(super) actions: Vec<&'a str>,
    /// Resources that none of the other actions reach.
    pub(super) resources: Vec<&'a str>,
    /// What else it does not let through: an action, a resource.
    pub(super) pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Withheld<'a> {
    pub(super) fn of(statement: &Statement<'a>, boundary: &[Statement<'_>]) -> Self {
        if statement.actions.but || statement.resources.but {
            return Self::default();
        }
        let (actions, resources) = (&statement.actions.list, &statement.resources.list);
        let withheld = |action: &str, resource: &str| never(boundary, action, resource);
        let (dead, alive): (Vec<&str>, Vec<&str>) = actions
            .iter()
            .partition(|action| resources.iter().all(|resource| withheld(action, resource)));
        let (unreached, reached): (Vec<&str>, Vec<&str>) = resources
            .iter()
            .partition(|resource| alive.iter().all(|action| withheld(action, resource)));
        let pairs = alive
            .iter()
            .flat_map(|action| reached.iter().map(|resource| (*action, *resource)));
        Self {
            pairs: pairs
                .filter(|(action, resource)| withheld(action, resource))
                .collect(),
            // Where every action is withheld, that says it all.
            resources: if alive.is_empty() {
                Vec::new()
            } else {
                unreached
            },
            actions: if resources.is_empty() {
                Vec::new()
            } else {
                dead
            },
        }
    }
}

/// The texts of an element that is one text or a list of them.
pub(super) fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    }
}

/// Whether a pattern with `*` and `?` matches everything that another one matches.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<char>, Vec<char>) = (wide.chars().collect(), narrow.chars().collect());
    let (mut w, mut n) = (0, 0);
    // Where the last star stands, and how far it has reached.
    let mut star: Option<(usize, usize)> = None;
    while n < narrow.len() {
        match wide.get(w) {
            Some('*') => {
                star = Some((w, n));
                w += 1;
            }
            // A star of the narrow one stands for any text: only a star of the wide one takes that.
            Some('?') if narrow[n] != '*' => {
                w += 1;
                n += 1;
            }
            Some(c) if *c == narrow[n] => {
                w += 1;
                n += 1;
            }
            _ => match star {
                Some((at, reached)) => {
                    star = Some((at, reached + 1));
                    w = at + 1;
                    n = reached + 1;
                }
                None => return false,
            },
        }
    }
    wide[w..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_overlap_where_some_text_fits_both() {
        for (a, b) in [
            ("a", "a"),
            ("a*", "*b"),
            ("a?c", "ab*"),
            ("*", "?"),
            ("s3:Get*", "s3:*Object"),
            ("arn:x:${aws:username}/y", "arn:x:ada/*"),
            ("a*b*c", "a?b?c"),
        ] {
            assert!(overlap(a, b) && overlap(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("a", "b"),
            ("a*", "b*"),
            ("*a", "*b"),
            ("a?", "a"),
            ("?", "*ab"),
        ] {
            assert!(!overlap(a, b) && !overlap(b, a), "{a} {b}");
        }
    }

    #[test]
    fn only_what_the_boundary_withholds_for_certain_is_refused() {
        let boundary = json!({"Statement": [
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:f:a"},
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:s3:${aws:username}/*"},
            {"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "arn:open"},
            {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:Put*", "Resource": "*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]});
        let boundary = statements(&boundary);
        for (action, resource) in [
            ("lambda:InvokeFunction", "arn:f:b"),
            ("lambda:GetFunction", "arn:f:a"),
            ("iam:PassRole", "arn:open"),
            ("s3:DeleteObject", "arn:s3:ada/x"),
        ] {
            assert!(never(&boundary, action, resource), "{action} {resource}");
        }
        for (action, resource) in [
            ("lambda:invokefunction", "arn:f:a"),
            ("lambda:InvokeFunction", "arn:f:*"),
            ("lambda:*", "*"),
            ("s3:PutObject", "arn:s3:ada/x"),
            ("dynamodb:GetItem", "arn:open"),
        ] {
            assert!(!never(&boundary, action, resource), "{action} {resource}");
        }
    }

    #[test]
    fn a_pattern_covers_another_only_where_it_matches_all_of_it() {
        for (wide, narrow) in [
            ("*", "a*b"),
            ("a*", "ab?*"),
            ("a?c", "abc"),
            ("a?c", "a?c"),
            ("*b*", "abab"),
            ("ab", "ab"),
            ("a**", "a"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("a?", "a*"),
            ("ab", "a?"),
            ("a*c", "a*"),
            ("", "*"),
            ("a", ""),
            ("a*b", "a"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn each_action_needs_one_resource_and_each_resource_one_action() {
        let boundary = json!({"Statement": [
            {"Effect": "Allow", "Action": "lambda:*", "Resource": "arn:f"},
            {"Effect": "Allow", "Action": "logs:*", "Resource": "arn:l"}]});
        let boundary = statements(&boundary);
        let withheld = |actions: Value, resources: Value| {
            let policy =
                json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": resources}});
            let policy = statements(&policy);
            let found = Withheld::of(&policy[0], &boundary);
            let owned = |list: Vec<&str>| list.join(" ");
            (
                owned(found.actions),
                owned(found.resources),
                found.pairs.len(),
            )
        };
        let said = |actions: &str, resources: &str, pairs| {
            (actions.to_owned(), resources.to_owned(), pairs)
        };
        let ordinary = withheld(
            json!(["lambda:GetFunction", "logs:GetLogEvents"]),
            json!(["arn:f", "arn:l"]),
        );
        assert_eq!(ordinary, said("", "", 2));
        let dead = withheld(
            json!(["lambda:GetFunction", "s3:GetObject"]),
            json!("arn:f"),
        );
        assert_eq!(dead, said("s3:GetObject", "", 0));
        let unreached = withheld(json!("lambda:GetFunction"), json!(["arn:f", "arn:g"]));
        assert_eq!(unreached, said("", "arn:g", 0));
        let neither = withheld(json!("s3:GetObject"), json!(["arn:f", "arn:g"]));
        assert_eq!(neither, said("s3:GetObject", "", 0));
    }
}
