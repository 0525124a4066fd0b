//! What homeroom needs of this machine: Python for the embedded cloud, and folders to write to.

use std::path::Path;

use crate::error::Result;
use crate::files::free_to_write;
use crate::local::{CloudStatus, LocalCloud};
use crate::report::findings::Finding;

const MIB: u64 = 1024 * 1024;

/// For the installation of the embedded cloud, which has 95 MiB.
const INSTALLATION: u64 = 200 * MIB;
/// For what a class leaves behind: reports of 500 students have about 40 MiB.
const FILES: u64 = 100 * MIB;

/// Looks at the embedded cloud's Python and folders. Starts nothing, and writes nothing.
///
/// # Errors
/// When there is no place for the folders.
pub(crate) async fn embedded_cloud(cloud: &LocalCloud) -> Result<Vec<Finding>> {
    let mut findings = match cloud.python().await {
        Ok(python) => vec![Finding::ok("python", python)],
        Err(error) => Finding::failed("python", error.failures),
    };
    let installed = cloud.is_installed();
    findings.push(status(cloud.status().await, installed));
    let needed = match installed {
        true => FILES,
        false => INSTALLATION,
    };
    let elsewhere = "choose another folder with";
    let [cache, state] = cloud.folders();
    let fix = format!("{elsewhere} HOMEROOM_CACHE_DIR");
    findings.push(folder("cache folder", cache, needed, &fix));
    let fix = format!("{elsewhere} HOMEROOM_STATE_DIR");
    findings.push(folder("state folder", state, FILES, &fix));
    Ok(findings)
}

/// The folder of reports.
pub(crate) fn reports(dir: &Path) -> Finding {
    folder(
        "reports",
        dir,
        FILES,
        "choose another folder with --reports",
    )
}

fn status(status: Result<CloudStatus>, installed: bool) -> Finding {
    let about = "embedded cloud";
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            let fix = error.failures.first().and_then(|f| f.hint.clone());
            return Finding::unknown(about, error.to_string(), fix.unwrap_or_default());
        }
    };
    match &status {
        CloudStatus::Running(_) => Finding::ok(about, status.to_string()),
        CloudStatus::Stopped { .. } if installed => {
            Finding::ok(about, format!("{status}; --local starts it"))
        }
        CloudStatus::Stopped { .. } => Finding::ok(
            about,
            "not installed yet; the first --local or rehearse does it, and needs the network for about 20 MB",
        ),
        CloudStatus::NotAnswering(_) | CloudStatus::Crashed { .. } => Finding::problem(
            about,
            status.to_string(),
            "start it again: homeroom local start",
        ),
    }
}

/// Whether there is room to write in a folder, or where it would be made.
fn folder(about: &'static str, dir: &Path, needed: u64, fix: &str) -> Finding {
    let shown = dir.display();
    match free_to_write(dir) {
        Ok(free) if free < needed => Finding::problem(
            about,
            format!(
                "{shown}: {} MiB are free, and homeroom may need {} MiB",
                free / MIB,
                needed / MIB
            ),
            format!("free space there, or {fix}"),
        ),
        Ok(_) => Finding::ok(about, format!("{shown}: may be written to, and has room")),
        Err(error) => Finding::problem(
            about,
            format!("{shown}: {error}"),
            format!("make it a folder that you may write to, or {fix}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Dirs;
    use crate::report::findings::Standing;

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_where_it_would_be() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        assert_eq!(folder("x", &deep, 1, "").standing, Standing::Ok);
        assert!(!deep.exists(), "looking makes nothing");
    }

    #[test]
    fn a_folder_that_cannot_be_is_a_problem_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("reports");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let found = reports(&path);
            assert_eq!(found.standing, Standing::Problem, "{found:?}");
            assert!(found.fix.unwrap().contains("--reports"));
        }
    }

    #[test]
    fn too_little_room_on_the_disk_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let found = folder("x", dir.path(), u64::MAX, "go elsewhere");
        assert_eq!(found.standing, Standing::Problem);
        assert!(found.fix.unwrap().contains("go elsewhere"));
    }

    #[tokio::test]
    async fn without_python_the_embedded_cloud_has_a_problem_with_its_fix() {
        let dir = tempfile::tempdir().unwrap();
        let cloud = LocalCloud::new(Dirs {
            cache: dir.path().join("cache"),
            state: dir.path().join("state"),
            python: None,
            path: dir.path().into(),
        });
        let findings = embedded_cloud(&cloud).await.unwrap();
        let python = findings.iter().find(|f| f.about == "python").unwrap();
        assert_eq!(python.standing, Standing::Problem);
        assert!(python.fix.as_ref().unwrap().contains("install Python"));
        let other = findings.iter().filter(|f| f.about != "python");
        assert!(other.clone().count() == 3);
        assert!(
            other.clone().all(|f| f.standing == Standing::Ok),
            "{findings:?}"
        );
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 0, "looking makes nothing");
    }
}
