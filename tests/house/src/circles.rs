//! Files that need each other.

use std::collections::BTreeSet;
use std::path::PathBuf;

use syn::visit::{self, Visit};

use crate::Source;
use crate::modules::{Modules, absolute, leaves};

/// Groups of files that lead to each other, each by way of the others; re-exports are followed. A module and what it
/// contains belong together: arrows between them are left out.
pub fn circles(sources: &[Source]) -> Vec<Vec<PathBuf>> {
    let arrows = arrows(sources);
    let reached: Vec<BTreeSet<usize>> = (0..sources.len())
        .map(|from| reach(&arrows, from))
        .collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for from in 0..sources.len() {
        if !told.insert(from) || !reached[from].contains(&from) {
            continue;
        }
        let group: Vec<usize> = (0..sources.len())
            .filter(|to| reached[from].contains(to) && reached[*to].contains(&from))
            .collect();
        told.extend(&group);
        found.push(group.iter().map(|i| sources[*i].path.clone()).collect());
    }
    found
}

fn reach(arrows: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<usize> = arrows[from].iter().copied().collect();
    while let Some(file) = next.pop() {
        if seen.insert(file) {
            next.extend(&arrows[file]);
        }
    }
    seen
}

fn arrows(sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let modules = Modules::of(sources);
    let related = |a: usize, b: usize| {
        let (a, b) = (&sources[a].module, &sources[b].module);
        a.starts_with(b) || b.starts_with(a)
    };
    sources
        .iter()
        .enumerate()
        .map(|(file, source)| {
            let mut paths = Paths {
                module: source.module.clone(),
                found: Vec::new(),
            };
            for item in &source.items {
                paths.visit_item(item);
            }
            let files = paths.found.iter().filter_map(|path| modules.file(path));
            files.filter(|to| !related(file, *to)).collect()
        })
        .collect()
}

/// Every path of a file, from the crate's root.
struct Paths {
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for (_, path) in leaves(&item.tree) {
            self.found.push(absolute(&self.module, &path));
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if written.len() > 1 {
            // A path that begins with a name goes by what that name stands for in its module.
            let whole = match written[0].as_str() {
                "crate" | "self" | "super" => absolute(&self.module, &written),
                _ => self.module.iter().chain(&written).cloned().collect(),
            };
            self.found.push(whole);
        }
        visit::visit_path(self, path);
    }
}
