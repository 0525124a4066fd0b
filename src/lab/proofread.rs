//! A bundle looked through without any account: what is wrong with it, and what is worth a look.

use std::collections::BTreeSet;

use crate::ids::{ClassName, Scope};
use crate::lab::model::{FunctionEntry, MANIFEST};
use crate::lab::{Files, Lab, asl, code, requirements};
use crate::roster::Student;
use crate::stack::kinds::Desired;
use crate::text::failure::Failure;

/// What the look through a bundle found.
#[derive(Debug, Default)]
pub(crate) struct Proofread {
    /// The lab's title, where its manifest could be read.
    pub(crate) title: Option<String>,
    /// What homeroom or AWS would refuse.
    pub(crate) problems: Vec<Failure>,
    /// What may be meant so.
    pub(crate) remarks: Vec<String>,
}

impl Lab {
    /// Reads a bundle and fills it in for a student who is not there, in an account that is not there: everything that
    /// is wrong, at once.
    pub(crate) fn proofread(files: &Files) -> Proofread {
        let (lab, problems) = match Self::read(files) {
            Ok(read) => read,
            Err(problems) => {
                return Proofread {
                    problems,
                    ..Proofread::default()
                };
            }
        };
        let mut found = Proofread {
            title: Some(lab.title().to_owned()),
            problems: problems.or(()).err().unwrap_or_default(),
            remarks: Vec::new(),
        };
        found.remarks.extend(lab.unsure_requirements(files));
        let Some((scope, class, student)) = lab.stand_ins() else {
            return found;
        };
        let students = [student];
        // What is wrong with a file as it stands shows again where it is filled in.
        let said: BTreeSet<String> = found
            .problems
            .iter()
            .map(|failure| failure.subject.clone())
            .collect();
        let desired = lab.desired(&scope, &class, &students);
        let reads = lab.unmarked_reads(&scope, &class, &students[0]);
        found.remarks.extend(reads);
        let held = |desired: Desired| {
            if lab.has_its_policies() {
                lab.hold_policies(&desired, &students)?;
            }
            Ok(desired)
        };
        match desired.and_then(held) {
            Ok(desired) if !lab.has_its_policies() => {
                found.remarks.extend(asl::remarks(&desired));
            }
            Ok(desired) => {
                found.remarks.extend(asl::remarks(&desired));
                found
                    .remarks
                    .extend(lab.policy_remarks(&desired, &students));
                let risks = lab.risks(&desired, &students).into_iter();
                found.remarks.extend(risks.map(|risk| {
                    format!("{risk}; deploy refuses this unless homeroom.toml allows it")
                }));
            }
            Err(failures) => {
                for mut failure in failures {
                    let whom = format!(" (for {})", students[0].username);
                    if let Some(subject) = failure.subject.strip_suffix(&whom) {
                        failure.subject = subject.to_owned();
                    }
                    if failure.subject.starts_with(MANIFEST) || !said.contains(&failure.subject) {
                        found.problems.push(failure);
                    }
                }
            }
        }
        found
    }

    /// Packages that a function may need, and that are not beside it.
    fn unsure_requirements(&self, files: &Files) -> Vec<String> {
        let folders: BTreeSet<&String> = self.manifest.functions.iter().map(|f| &f.code).collect();
        let said = folders.into_iter().flat_map(|folder| {
            let path = format!("lambdas/{folder}/requirements.txt");
            let text = files.get(&path).map(|text| String::from_utf8_lossy(text));
            let content = code::files_of(files, folder);
            let has_layers = |f: &FunctionEntry| f.code == *folder && !f.layers.is_empty();
            let layered = self.manifest.functions.iter().any(has_layers);
            let unsure = text.map(|text| {
                let mut unsure = requirements::perhaps_missing(&text, &content);
                if layered {
                    unsure.extend(requirements::missing(&text, &content));
                }
                unsure
            });
            unsure.into_iter().flatten().map(move |requirement| {
                format!(
                    "{path}: {requirement} is not in the folder; homeroom does not tell whether Lambda needs it or has it (a marker, an \
                     address, a layer, a version of what the runtime brings): put the package beside the code if Lambda lacks it"
                )
            })
        });
        said.collect()
    }

    /// Somewhere to fill the lab in: an account that is nobody's, and a student with every column that a template names.
    fn stand_ins(&self) -> Option<(Scope, ClassName, Student)> {
        let scope = Scope::of_nobody(self.region());
        let known = ["username", "name", "email", "section"];
        let columns = self
            .templates
            .columns()
            .keys()
            .filter(|column| !known.contains(&column.as_str()));
        let student = Student {
            username: "user1".parse().ok()?,
            // With what a name may hold and a string's quotes may not.
            name: Some("Ada O'Brien".to_owned()),
            email: Some("ada@example.com".to_owned()),
            section: Some("1".to_owned()),
            extra: columns
                .map(|column| (column.clone(), "value".to_owned()))
                .collect(),
            due: None,
            place: None,
        };
        Some((scope, "class".parse().ok()?, student))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bundle;

    fn said(files: &Files) -> String {
        let found = Lab::proofread(files);
        let lines: Vec<String> = found.problems.iter().map(Failure::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn the_labs_that_come_with_homeroom_have_nothing_to_say() {
        for files in [bundle::files(None).unwrap(), bundle::starter()] {
            let found = Lab::proofread(&files);
            assert_eq!((found.problems, found.remarks), (Vec::new(), Vec::new()));
        }
    }

    #[test]
    fn a_name_with_a_quote_in_it_is_tried_before_any_roster() {
        let mut files = bundle::starter();
        let path = "templates/greetings.json";
        let text = String::from_utf8(files[path].clone()).unwrap();
        let state = "\"Hi\": { \"Type\": \"Pass\", \"Next\": \"Greet\", \"Parameters\": { \"hi.$\": \"States.Format('{{ student.name }}')\" } },";
        let changed = text.replacen("\"States\": {", &format!("\"States\": {{ {state}"), 1);
        assert_ne!(text, changed);
        files.insert(path.to_owned(), changed.into_bytes());
        let said = said(&files);
        assert!(
            said.contains("the roster's \"name\" would be read as"),
            "{said}"
        );
    }

    #[test]
    fn a_requirement_that_may_be_needed_is_remarked_on() {
        let mut files = bundle::starter();
        let path = "lambdas/greet/requirements.txt".to_owned();
        files.insert(path, b"tomli==2.0.1 ; python_version < '3.11'\n".to_vec());
        let found = Lab::proofread(&files);
        assert_eq!(found.problems, []);
        let expected = "lambdas/greet/requirements.txt: tomli==2.0.1 ; python_version < '3.11' is not in the folder";
        assert!(
            found.remarks[0].starts_with(expected),
            "{:?}",
            found.remarks
        );
        // A layer may hold what is not beside the code.
        let path = "lambdas/greet/requirements.txt".to_owned();
        files.insert(path, b"tomli==2.0.1\n".to_vec());
        assert!(!Lab::proofread(&files).problems.is_empty());
        let lab = String::from_utf8(files["templates/lab.toml"].clone()).unwrap();
        let layer = "layers = [\"arn:{{ partition }}:lambda:{{ region }}:{{ account }}:layer:tools:1\"]\ntimeout_s = 10";
        let lab = lab.replacen("timeout_s = 10", layer, 1);
        files.insert("templates/lab.toml".to_owned(), lab.into_bytes());
        let found = Lab::proofread(&files);
        assert_eq!((found.problems, found.remarks.len()), (Vec::new(), 1));
    }

    #[test]
    fn mistakes_of_every_file_are_said_at_once_and_each_once() {
        let mut files = bundle::files(None).unwrap();
        let mut change = |path: &str, old: &str, new: &str| {
            let text = String::from_utf8(files[path].clone()).unwrap();
            assert!(text.contains(old), "{path}: {old}");
            files.insert(path.to_owned(), text.replacen(old, new, 1).into_bytes());
        };
        change("templates/lab.toml", "memory_mib = 128", "memory_mib = 64");
        change(
            "templates/asl/simple-workflow.json",
            "\"Retry\"",
            "\"Retries\"",
        );
        change("templates/payloads/sales.json", "username", "usernme");
        let said = said(&files);
        for expected in [
            "memory_mib = 64",
            "line ",
            "\"Retries\"; did you mean 'Retry'?",
            "usernme",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert_eq!(said.matches("memory_mib").count(), 1, "{said}");
        // A file that is not there, or no template, is told once.
        for (boundary, words) in [
            (None, "there is no file templates/iam/boundary.json"),
            (
                Some("{\n\"a\": \"{{ username \" }"),
                "templates/iam/boundary.json: line 2, character 19: is no template: expected ",
            ),
        ] {
            let mut files = bundle::files(None).unwrap();
            let path = "templates/iam/boundary.json".to_owned();
            match boundary {
                Some(text) => drop(files.insert(path, text.as_bytes().to_vec())),
                None => drop(files.remove(&path)),
            }
            let said = self::said(&files);
            assert!(said.contains(words) && said.lines().count() == 1, "{said}");
        }
        files.insert("templates/lab.toml".to_owned(), b"[lab".to_vec());
        assert!(self::said(&files).starts_with("templates/lab.toml, line "));
    }
}
