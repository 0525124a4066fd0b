//! Reads the sources of a crate as the compiler would and counts what its layout promises: how long it is, which files
//! go in circles, which names mean two things.
//!
//! Tests count nowhere: items below `#[cfg(test)]`, and files of modules that are declared so.

#![expect(
    clippy::panic,
    reason = "a measurement that cannot read a source says where it stopped"
)]

mod circles;
mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

pub use circles::circles;

/// The kinds of AWS resource: each belongs into its own room, and few others know it by name.
pub const KINDS: [&str; 8] = [
    "Role",
    "LogGroup",
    "Function",
    "StateMachine",
    "RestApi",
    "HttpApi",
    "User",
    "ManagedPolicy",
];

/// One file of a crate.
pub struct Source {
    /// Below the crate's `src`.
    pub path: PathBuf,
    /// The module that it is: `["engine", "pacing"]`.
    pub module: Vec<String>,
    /// Lines without those of tests; comments and empty lines count.
    pub lines: usize,
    /// Every word of its code: identifiers, without strings and comments.
    pub words: BTreeSet<String>,
    /// Types that it defines.
    pub types: Vec<String>,
    items: Vec<syn::Item>,
}

/// Reads a crate, beginning at its `src`.
///
/// # Panics
/// When a file cannot be read or is not Rust.
pub fn read(src: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let root = ["lib.rs", "main.rs"]
        .into_iter()
        .find(|f| src.join(f).exists());
    let root = root.unwrap_or_else(|| panic!("{} has no crate", src.display()));
    read_file(src, Path::new(root), Vec::new(), &mut found);
    if root == "lib.rs" && src.join("main.rs").exists() {
        read_file(
            src,
            Path::new("main.rs"),
            vec!["main".to_owned()],
            &mut found,
        );
    }
    found
}

fn parse(path: &Path) -> syn::File {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read_file(src: &Path, path: &Path, module: Vec<String>, found: &mut Vec<Source>) {
    let file = parse(&src.join(path));
    let text = fs::read_to_string(src.join(path)).unwrap_or_default();
    let in_tests: usize = file
        .items
        .iter()
        .filter(|item| is_test(item))
        .map(lines_of)
        .sum();
    let items: Vec<syn::Item> = file
        .items
        .into_iter()
        .filter(|item| !is_test(item))
        .collect();
    let mut words = BTreeSet::new();
    let mut types = Types::default();
    for item in &items {
        add_words(tokens_of(item), &mut words);
        types.visit_item(item);
    }
    let children: Vec<(String, PathBuf)> = items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(child) if child.content.is_none() => Some(child.ident.to_string()),
            _ => None,
        })
        .map(|name| {
            let file = child_file(src, path, &name);
            (name, file)
        })
        .collect();
    found.push(Source {
        path: path.to_owned(),
        module: module.clone(),
        lines: text.lines().count() - in_tests,
        words,
        types: types.0,
        items,
    });
    for (name, file) in children {
        let mut inner = module.clone();
        inner.push(name);
        read_file(src, &file, inner, found);
    }
}

/// Where the module `name` that `parent` declares has its file.
fn child_file(src: &Path, parent: &Path, name: &str) -> PathBuf {
    let stem = parent.file_stem().unwrap_or_default();
    let folder = match stem.to_str() {
        Some("mod" | "lib" | "main") => parent.with_file_name(""),
        _ => parent.with_extension(""),
    };
    let flat = folder.join(format!("{name}.rs"));
    match src.join(&flat).exists() {
        true => flat,
        false => folder.join(name).join("mod.rs"),
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item::*;
    match item {
        Const(i) => &i.attrs,
        Enum(i) => &i.attrs,
        Fn(i) => &i.attrs,
        Impl(i) => &i.attrs,
        Macro(i) => &i.attrs,
        Mod(i) => &i.attrs,
        Static(i) => &i.attrs,
        Struct(i) => &i.attrs,
        Trait(i) => &i.attrs,
        Type(i) => &i.attrs,
        Use(i) => &i.attrs,
        _ => &[],
    }
}

/// Whether an item is compiled for tests only.
fn is_test(item: &syn::Item) -> bool {
    attributes(item).iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "test")
    })
}

fn lines_of(item: &syn::Item) -> usize {
    let span: Span = item.span();
    span.end().line + 1 - span.start().line
}

fn tokens_of(item: &syn::Item) -> TokenStream {
    use quote::ToTokens;
    item.to_token_stream()
}

fn add_words(tokens: TokenStream, words: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                words.insert(word.to_string());
            }
            TokenTree::Group(group) => add_words(group.stream(), words),
            // Strings, and the texts of comments on items, are literals.
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}

#[derive(Default)]
struct Types(Vec<String>);

impl<'ast> Visit<'ast> for Types {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.0.push(item.ident.to_string());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.0.push(item.ident.to_string());
    }
}

/// Type names that more than one file defines, with those files.
pub fn ambiguous(sources: &[Source]) -> BTreeMap<String, Vec<PathBuf>> {
    let mut defined: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for source in sources {
        for name in &source.types {
            defined
                .entry(name.clone())
                .or_default()
                .push(source.path.clone());
        }
    }
    defined.retain(|_, files| files.len() > 1);
    defined
}

/// How many files outside `kinds/` name each kind of resource.
pub fn spread(sources: &[Source]) -> Vec<(&'static str, usize)> {
    let outside = |source: &&Source| !source.module.iter().any(|room| room == "kinds");
    KINDS
        .into_iter()
        .map(|kind| {
            let files = sources.iter().filter(outside);
            (
                kind,
                files.filter(|source| source.words.contains(kind)).count(),
            )
        })
        .collect()
}

/// Longest name that a test may have.
pub const LONGEST_NAME: usize = 70;

/// Names of tests below a folder that are longer than [`LONGEST_NAME`].
///
/// # Panics
/// When a file cannot be read or is not Rust.
pub fn long_test_names(folder: &Path) -> Vec<String> {
    struct Tests(Vec<String>);
    impl<'ast> Visit<'ast> for Tests {
        fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
            let named_test =
                |path: &syn::Path| path.segments.last().is_some_and(|s| s.ident == "test");
            let name = item.sig.ident.to_string();
            if item.attrs.iter().any(|a| named_test(a.path())) && name.len() > LONGEST_NAME {
                self.0.push(name);
            }
        }
    }
    let mut tests = Tests(Vec::new());
    for path in rust_files(folder) {
        tests.visit_file(&parse(&path));
    }
    tests.0
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of a few files, read.
    fn crate_of(files: &[(&str, &str)]) -> Vec<Source> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        read(folder.path())
    }

    fn names(circle: &[PathBuf]) -> Vec<&str> {
        circle.iter().map(|file| file.to_str().unwrap()).collect()
    }

    #[test]
    fn lines_and_words_of_tests_and_comments_are_left_out() {
        let sources = crate_of(&[
            (
                "lib.rs",
                "/// Role\npub fn a() {\n    b(\"LogGroup\");\n}\n\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more {\n    fn user() {}\n}\n",
            ),
            ("tests.rs", "struct User;\n"),
        ]);
        assert_eq!(sources.len(), 1);
        // What is left of eleven lines: those of `a`, and the empty one.
        assert_eq!(sources[0].lines, 5);
        assert!(sources[0].words.contains("b"));
        assert_eq!(spread(&sources), KINDS.map(|kind| (kind, 0)));
    }

    #[test]
    fn a_circle_through_a_re_export_is_found() {
        let sources = crate_of(&[
            ("lib.rs", "mod a;\nmod b;\nmod front;\n"),
            ("a.rs", "use crate::front::B;\npub struct A(B);\n"),
            (
                "b.rs",
                "pub struct B;\nfn f() -> Option<super::a::A> { None }\n",
            ),
            ("front.rs", "pub use crate::b::*;\n"),
        ]);
        let found = circles(&sources);
        assert_eq!(found.len(), 1);
        assert!(names(&found[0]).starts_with(&["a.rs", "b.rs"]), "{found:?}");
    }

    #[test]
    fn a_module_and_what_it_contains_are_no_circle() {
        let sources = crate_of(&[
            ("lib.rs", "mod a;\n"),
            ("a.rs", "mod inner;\npub struct A;\nfn f() { inner::g() }\n"),
            (
                "a/inner.rs",
                "use super::A;\npub fn g() {}\nfn h(_: A) {}\n",
            ),
        ]);
        assert!(circles(&sources).is_empty());
    }

    #[test]
    fn a_name_that_two_files_define_is_ambiguous() {
        let sources = crate_of(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "pub struct Twice;\npub struct Once;\n"),
            ("b.rs", "pub enum Twice {}\n"),
        ]);
        let found = ambiguous(&sources);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["Twice"]);
    }
}
