//! Rebuilds the binary when the lab that is built into it changes: the macro that embeds the folders does
//! not see files that come or go.

fn main() {
    for folder in ["templates", "lambdas"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
