//! Students' way in where something is half there: no key, or a user that somebody else deleted.

use homeroom::aws::UserPart;

use super::*;

const ENFORCED: PrivateOptions = PrivateOptions {
    auth: true,
    account: None,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_that_omits_resources_is_not_believed_a_key_is_proposed() {
    let day = Day::begin_with(&["user1", "user2"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant"]).0, 0);
    // The embedded cloud decides on the first resource of a request alone.
    let (code, asked) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&asked, "unknown")), (3, true), "{asked}");
    let hint = asked["students"][0]["checks"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("access grant --access-keys"), "{hint}");
    assert_eq!(day.json(&["access", "grant", "--access-keys"]).0, 0);
    let (code, proven) = day.json(&["validate", "--isolation"]);
    assert_eq!((code, all_are(&proven, "passed")), (0, true), "{proven}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_forgets_credentials_of_a_user_deleted_elsewhere() {
    let day = Day::begin_with(&["user1", "user2"], ENFORCED).await;
    assert_eq!(day.json(&["deploy"]).0, 0);
    assert_eq!(day.json(&["access", "grant"]).0, 0);
    let admin = &day.witness().await;
    admin.delete_login_profile("user1").await.unwrap();
    let part = UserPart::AttachedPolicy;
    for policy in admin.user_parts("user1", part).await.unwrap() {
        let removed = admin.remove_user_part("user1", part, &policy).await;
        removed.unwrap();
    }
    admin.delete_user("user1").await.unwrap();
    let (code, revoked) = day.json(&["access", "revoke", "--confirm", "demo"]);
    assert_eq!((code, all_are(&revoked, "removed")), (0, true), "{revoked}");
    let credentials = day.folder.path().join("reports/demo/credentials");
    assert!(!credentials.exists(), "what opens nothing is not kept");
}
