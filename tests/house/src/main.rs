//! `cargo run -p house`: the figures of homeroom's layout, as a table; with `-- -v`, what each is made of.

#![expect(clippy::print_stdout, reason = "its table goes to stdout")]

use std::path::Path;

use house::{ambiguous, circles, long_test_names, read, spread};

/// The room of the verbs.
const VERBS: &str = "verbs";

fn main() {
    let told = std::env::args().any(|word| word == "-v");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = read(&root.join("src"));
    let lines: usize = sources.iter().map(|s| s.lines).sum();
    let (circles, ambiguous, spread) = (circles(&sources), ambiguous(&sources), spread(&sources));
    let mut verbs: Vec<(usize, &Path)> = sources
        .iter()
        .filter(|s| s.module.first().is_some_and(|room| room == VERBS))
        .map(|s| (s.lines, s.path.as_path()))
        .collect();
    verbs.sort_unstable();
    let long: Vec<String> = [root.join("src"), root.join("tests")]
        .iter()
        .flat_map(|folder| long_test_names(folder))
        .collect();

    println!("| figure | now |\n|---|---|");
    println!("| lines of src without tests | {lines} |");
    println!("| files | {} |", sources.len());
    println!("| circles of files | {} |", circles.len());
    println!("| type names with two meanings | {} |", ambiguous.len());
    for (kind, files) in &spread {
        println!("| files outside kinds/ that name `{kind}` | {files} |");
    }
    let (longest, median) = (verbs.last(), verbs.get(verbs.len() / 2));
    println!(
        "| longest file of {VERBS} | {} |",
        longest.map_or(0, |v| v.0)
    );
    println!("| median file of {VERBS} | {} |", median.map_or(0, |v| v.0));
    println!("| names of tests over 70 characters | {} |", long.len());
    if !told {
        return;
    }
    println!("\ncircles:");
    for circle in &circles {
        let files: Vec<String> = circle.iter().map(|f| f.display().to_string()).collect();
        println!("- {}", files.join(", "));
    }
    println!("\ntype names with two meanings:");
    for (name, files) in &ambiguous {
        let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        println!("- {name}: {}", files.join(", "));
    }
    println!("\nlongest files:");
    let mut files: Vec<(usize, &Path)> = sources
        .iter()
        .map(|s| (s.lines, s.path.as_path()))
        .collect();
    files.sort_unstable();
    for (lines, path) in files.iter().rev().take(40) {
        println!("- {lines} {}", path.display());
    }
    println!("\nlong names of tests:");
    for name in &long {
        println!("- {name}");
    }
}
