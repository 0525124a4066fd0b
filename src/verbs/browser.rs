//! Opens a page in the person's browser.

use std::path::Path;

/// Asks the system to show a file, and does not wait for it. Returns what to tell where the system cannot.
///
/// Only ever a file: arguments of a program can be read by everybody on the machine, and the address of `watch` is a secret.
pub(super) fn show(page: &Path) -> Option<String> {
    let whole = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let error = open::that_detached(&whole).err()?;
    Some(format!(
        "no browser could be started ({error}): open {} yourself",
        whole.display()
    ))
}
