//! A `requirements.txt` beside a function's code. homeroom installs nothing: what an index gives is another thing tomorrow,
//! and a zip must have the same bytes on every machine. So what it asks for must be in the folder, as `pip install --target`
//! puts it there.

use crate::text::words::some_of;

/// Packages that a message names.
const NAMED: usize = 5;

/// Requirements of which the folder does not hold a package: each as it is written.
pub(super) fn missing(text: &str, files: &[(&str, &[u8])]) -> Vec<String> {
    let all = absent(text, files).into_iter();
    let sure = all.filter(|(_, is_marked)| !is_marked);
    sure.map(|(requirement, _)| requirement).collect()
}

/// Of those with an environment marker: whether Lambda needs them is not known here.
pub(super) fn perhaps_missing(text: &str, files: &[(&str, &[u8])]) -> Vec<String> {
    let all = absent(text, files).into_iter();
    let unsure = all.filter(|(_, is_marked)| *is_marked);
    unsure.map(|(requirement, _)| requirement).collect()
}

/// What Lambda's Python runtimes bring with them. Source: Lambda Developer Guide, "Runtime dependencies in Python".
const OF_RUNTIME: [&str; 2] = ["boto3", "botocore"];

/// All of them, and whether it is not known here that Lambda lacks it: of one with a marker, of one from an address, whose name
/// only its installation tells, and of a version of what the runtime brings.
fn absent(text: &str, files: &[(&str, &[u8])]) -> Vec<(String, bool)> {
    let installed: Vec<(String, String)> = files
        .iter()
        .filter_map(|(path, _)| {
            let info = path.split('/').next()?.strip_suffix(".dist-info")?;
            let (name, version) = info.rsplit_once('-')?;
            Some((normalised(name), version.to_owned()))
        })
        .collect();
    let lines = text
        .lines()
        .map(|line| match line.trim_start().starts_with('#') {
            true => "",
            // A comment follows a space; an address may hold the sign.
            false => line.split(" #").next().unwrap_or_default().trim(),
        });
    // Options and the hashes below a requirement begin with a dash.
    let requirements = lines.filter(|line| !line.is_empty() && !line.starts_with('-'));
    let missing = requirements.filter_map(|line| {
        let line = line.trim_end_matches('\\').trim();
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let is_marked = rest.contains(';');
        let rest = rest.split(';').next().unwrap_or_default();
        let rest = rest.split(" --").next().unwrap_or_default();
        // `name @ address` pins nothing that a folder could tell.
        let by_address = line.contains("://") || name.is_empty() || name.starts_with('.');
        let wanted = if by_address { "" } else { rest };
        let name = normalised(name);
        let is_there = installed
            .iter()
            .any(|(own, version)| *own == name && satisfies(version, wanted));
        let of_runtime = OF_RUNTIME.contains(&name.as_str());
        if of_runtime && wanted.trim().is_empty() {
            return None;
        }
        let is_marked =
            is_marked || of_runtime || (by_address && !rest.trim_start().starts_with('@'));
        let requirement = match is_marked {
            true => line,
            false => line.split_whitespace().next().unwrap_or(line),
        };
        (!is_there).then(|| (requirement.to_owned(), is_marked))
    });
    missing.collect()
}

/// `requests==2.32.0 is`, `a, b are`.
pub(super) fn are(missing: &[String]) -> String {
    let verb = if missing.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", some_of(missing, NAMED))
}

/// The command that puts the packages into the folder.
pub(super) fn command(folder: &str, runtime: &str, arm64: bool) -> String {
    let version = runtime.strip_prefix("python").unwrap_or("3.13");
    let machine = if arm64 { "aarch64" } else { "x86_64" };
    // From Python 3.12 on, Lambda runs on Amazon Linux 2023, whose glibc is 2.34; before on Amazon Linux 2, 2.26. Newer
    // packages come for 2.28 alone. Source: Lambda Developer Guide, "Lambda runtimes", and PEP 600.
    let minor = version
        .strip_prefix("3.")
        .and_then(|minor| minor.parse().ok());
    let newer = match minor {
        Some(0..=11) => String::new(),
        _ => format!(" --platform manylinux_2_28_{machine}"),
    };
    format!(
        "pip install --upgrade --target lambdas/{folder} --platform manylinux2014_{machine}{newer} --implementation cp --python-version {version} \
         --only-binary=:all: --no-compile -r lambdas/{folder}/requirements.txt"
    )
}

/// Whether a version is one that a requirement asks for: `==1.2,!=1.3`, `[extra]>=5`, `==1.*`. What this does not tell apart it
/// takes. Source: Python packaging specifications, "Version specifiers".
fn satisfies(version: &str, wanted: &str) -> bool {
    let wanted = wanted.rsplit(']').next().unwrap_or(wanted);
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let mut all: Vec<u64> = text
            .split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        while all.last() == Some(&0) {
            all.pop();
        }
        Some(all)
    };
    let begins = |with: &str| {
        let (own, with): (Vec<_>, Vec<_>) =
            (version.split('.').collect(), with.split('.').collect());
        own.starts_with(&with)
    };
    wanted.split(',').all(|one| {
        let one = one.trim().trim_matches(['(', ')']);
        let end = one
            .find(|c: char| !"=!<>~".contains(c))
            .unwrap_or(one.len());
        let (operator, asked) = (&one[..end], one[end..].trim());
        let family = asked.strip_suffix(".*");
        let order = numbers(version)
            .zip(numbers(asked))
            .map(|(own, asked)| own.cmp(&asked));
        match (operator, family) {
            ("==", Some(family)) => begins(family),
            ("!=", Some(family)) => !begins(family),
            ("==" | "===", None) => same_version(asked, version),
            ("!=", None) => !same_version(asked, version),
            (">=" | "~=", None) => order.is_none_or(|order| order.is_ge()),
            ("<=", None) => order.is_none_or(|order| order.is_le()),
            (">", None) => order.is_none_or(|order| order.is_gt()),
            ("<", None) => order.is_none_or(|order| order.is_lt()),
            _ => true,
        }
    })
}

/// Whether two versions are one: `2.0` is `2.0.0`. Source: Python packaging specifications, "Version matching".
fn same_version(one: &str, other: &str) -> bool {
    let release = |text: &str| {
        let text = text.strip_prefix('v').unwrap_or(text).to_lowercase();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
        let mut numbers: Vec<String> = numbers
            .split('.')
            .map(|number| number.trim_start_matches('0').to_owned())
            .collect();
        while numbers.last().is_some_and(String::is_empty) {
            numbers.pop();
        }
        (numbers, rest.to_owned())
    };
    release(one) == release(other)
}

/// Source: Python packaging specifications, "Name normalization".
fn normalised(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_lacks_of_its_requirements_is_named() {
        let text = "# comment\n--require-hashes\nPy_YAML==6.0.2 \\\n    --hash=sha256:ab\nrequests>=2 ; python_version > \"3\"\nidna # why\n";
        let with = |paths: &[&'static str]| {
            let files: Vec<(&str, &[u8])> = paths.iter().map(|path| (*path, &b""[..])).collect();
            missing(text, &files)
        };
        assert_eq!(with(&["app.py"]), ["Py_YAML==6.0.2", "idna"]);
        let unsure = perhaps_missing(text, &[("app.py", b"")]);
        assert_eq!(unsure, ["requests>=2 ; python_version > \"3\""]);
        let all = [
            "py_yaml-6.0.2.dist-info/METADATA",
            "requests-2.32.0.dist-info/RECORD",
            "idna-3.1.dist-info/RECORD",
        ];
        assert_eq!(with(&all), Vec::<String>::new());
        let other = [
            "PyYAML-6.0.2.dist-info/RECORD",
            "py_yaml-6.0.1.dist-info/RECORD",
        ];
        assert_eq!(with(&other)[0], "Py_YAML==6.0.2");
        assert!(same_version("2.0", "2.0.0") && same_version("2", "2.0"));
        assert!(!same_version("2.0", "2.0.1") && !same_version("2.0rc1", "2.0"));
        let newer = command("f", "python3.12", true);
        let both = "--platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 --implementation cp --python-version 3.12 ";
        assert!(newer.contains(both), "{newer}");
        let older = command("f", "python3.11", false);
        let one = "--platform manylinux2014_x86_64 --implementation cp --python-version 3.11 ";
        assert!(older.contains(one), "{older}");
    }

    #[test]
    fn what_lambda_has_and_versions_that_fit_are_not_asked_for() {
        let of = |text: &str, paths: &[&'static str]| {
            let files: Vec<(&str, &[u8])> = paths.iter().map(|path| (*path, &b""[..])).collect();
            (missing(text, &files), perhaps_missing(text, &files))
        };
        let nothing = (Vec::new(), Vec::new());
        assert_eq!(of("boto3\nbotocore # there\n", &[]), nothing);
        let pinned = of("boto3==1.34.0\ngit+https://example.org/x.git#egg=x\n", &[]);
        assert_eq!((pinned.0, pinned.1.len()), (Vec::new(), 2));
        let foo = ["foo-1.2.dist-info/METADATA"];
        for fits in [
            "foo==1.*",
            "foo==1.2,!=1.3",
            "foo[bar]>=1.2, <2",
            "foo ~= 1.1",
            "foo>=1.10rc1",
            "foo==1.2 --hash=sha256:ab",
            "foo @ git+https://example.org/foo.git@v==2",
        ] {
            assert_eq!(of(fits, &foo), nothing, "{fits}");
        }
        for other in [
            "foo>=5",
            "foo==2.*",
            "foo!=1.2",
            "foo<1.2",
            "foo>1.2",
            "foo==1.2,!=1.*",
        ] {
            assert_eq!(of(other, &foo).0, [other], "{other}");
        }
    }
}
