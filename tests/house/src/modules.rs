//! Which file a path in the code leads to.

use std::collections::BTreeMap;

use syn::{Item, UseTree};

use crate::Source;

/// A name of a module: where it leads.
#[derive(Debug, Clone)]
enum Name {
    /// A module of its own; inline ones belong to the file that they stand in.
    Module,
    /// An item that is defined there.
    Item,
    /// A re-export, or an import: the path that it stands for.
    Alias(Vec<String>),
}

/// Every module of the crate.
pub(crate) struct Modules {
    names: BTreeMap<Vec<String>, BTreeMap<String, Name>>,
    globs: BTreeMap<Vec<String>, Vec<Vec<String>>>,
    file_of: BTreeMap<Vec<String>, usize>,
}

impl Modules {
    pub(crate) fn of(sources: &[Source]) -> Self {
        let mut modules = Self {
            names: BTreeMap::new(),
            globs: BTreeMap::new(),
            file_of: BTreeMap::new(),
        };
        for (file, source) in sources.iter().enumerate() {
            modules.add(file, &source.module, &source.items);
        }
        modules
    }

    fn add(&mut self, file: usize, module: &[String], items: &[Item]) {
        self.file_of.insert(module.to_vec(), file);
        for item in items {
            match item {
                Item::Mod(inner) => {
                    self.name(module, &inner.ident, Name::Module);
                    if let Some((_, items)) = &inner.content {
                        let mut path = module.to_vec();
                        path.push(inner.ident.to_string());
                        self.add(file, &path, items);
                    }
                }
                Item::Use(item) => {
                    for (name, path) in leaves(&item.tree) {
                        let path = absolute(module, &path);
                        match name.as_str() {
                            "*" => self.globs.entry(module.to_vec()).or_default().push(path),
                            _ => {
                                let names = self.names.entry(module.to_vec()).or_default();
                                names.insert(name, Name::Alias(path));
                            }
                        }
                    }
                }
                Item::Const(i) => self.name(module, &i.ident, Name::Item),
                Item::Enum(i) => self.name(module, &i.ident, Name::Item),
                Item::Fn(i) => self.name(module, &i.sig.ident, Name::Item),
                Item::Static(i) => self.name(module, &i.ident, Name::Item),
                Item::Struct(i) => self.name(module, &i.ident, Name::Item),
                Item::Trait(i) => self.name(module, &i.ident, Name::Item),
                Item::Type(i) => self.name(module, &i.ident, Name::Item),
                Item::Macro(i) => {
                    if let Some(ident) = &i.ident {
                        self.name(module, ident, Name::Item);
                    }
                }
                _ => {}
            }
        }
    }

    fn name(&mut self, module: &[String], ident: &syn::Ident, name: Name) {
        let names = self.names.entry(module.to_vec()).or_default();
        names.insert(ident.to_string(), name);
    }

    /// The file that defines what a path from the crate's root names; `None` where that is no file of the crate.
    pub(crate) fn file(&self, path: &[String]) -> Option<usize> {
        self.follow(path, 0)
    }

    fn follow(&self, path: &[String], depth: usize) -> Option<usize> {
        // A chain of re-exports that long goes round.
        if depth > 16 {
            return None;
        }
        let mut module: Vec<String> = Vec::new();
        for (at, segment) in path.iter().enumerate() {
            let known = self.names.get(&module).and_then(|names| names.get(segment));
            match known {
                Some(Name::Module) => module.push(segment.clone()),
                Some(Name::Item) => return self.file_of.get(&module).copied(),
                Some(Name::Alias(target)) => {
                    let rest = path[at + 1..].iter().cloned();
                    let whole: Vec<String> = target.iter().cloned().chain(rest).collect();
                    return self.follow(&whole, depth + 1);
                }
                None => {
                    let globs = self.globs.get(&module).into_iter().flatten();
                    return globs
                        .filter_map(|glob| {
                            let rest = path[at..].iter().cloned();
                            let whole: Vec<String> = glob.iter().cloned().chain(rest).collect();
                            self.follow(&whole, depth + 1)
                        })
                        .next();
                }
            }
        }
        self.file_of.get(&module).copied()
    }
}

/// A path as it stands in a module, from the crate's root; what begins with another crate's name stays as it is.
pub(crate) fn absolute(module: &[String], path: &[String]) -> Vec<String> {
    let mut at: Vec<String> = match path.first().map(String::as_str) {
        Some("crate") => return path[1..].to_vec(),
        Some("self" | "super") => module.to_vec(),
        _ => return path.to_vec(),
    };
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "self" => {}
            "super" => {
                at.pop();
            }
            _ => break,
        }
        rest = others;
    }
    at.extend(rest.iter().cloned());
    at
}

/// Each name that a `use` brings, with the path that it stands for.
pub(crate) fn leaves(tree: &UseTree) -> Vec<(String, Vec<String>)> {
    match tree {
        UseTree::Path(path) => {
            let first = path.ident.to_string();
            let mut inner = leaves(&path.tree);
            for (name, rest) in &mut inner {
                if name == "self" {
                    name.clone_from(&first);
                    rest.clear();
                }
                rest.insert(0, first.clone());
            }
            inner
        }
        UseTree::Name(name) => vec![(name.ident.to_string(), vec![name.ident.to_string()])],
        UseTree::Rename(renamed) => {
            vec![(renamed.rename.to_string(), vec![renamed.ident.to_string()])]
        }
        UseTree::Glob(_) => vec![("*".to_owned(), Vec::new())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}
