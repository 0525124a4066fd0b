//! Two things that cargo cannot see by itself: files that come to or leave the lab that is built into the
//! binary, and whether there is a browser for the tests of the report, and axe-core to run in it.

use std::env;

fn main() {
    for folder in ["templates", "lambdas"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    // Without a browser those tests are listed as ignored, so that `cargo test` needs Rust and Python only.
    // Who names one (as .ci/run does) means it: then they run, and fail where it does not.
    println!("cargo::rustc-check-cfg=cfg(browser)");
    println!("cargo::rustc-check-cfg=cfg(axe)");
    println!("cargo::rerun-if-env-changed=HOMEROOM_TEST_AXE");
    if env::var_os("HOMEROOM_TEST_AXE").is_some() {
        println!("cargo::rustc-cfg=axe");
    }
    println!("cargo::rerun-if-env-changed=HOMEROOM_TEST_CHROMIUM");
    println!("cargo::rerun-if-env-changed=PATH");
    let named = env::var_os("HOMEROOM_TEST_CHROMIUM").is_some();
    let path = env::var_os("PATH").unwrap_or_default();
    if named || env::split_paths(&path).any(|folder| folder.join("chromium").is_file()) {
        println!("cargo::rustc-cfg=browser");
    }
}
